package tsync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

func TestCond(t *testing.T) {
	for _, l := range []func() lockerContext{
		func() lockerContext { return new(Mutex) }, func() lockerContext { return new(RWMutex) },
	} {
		each(t, func(w *world) {
			l := l()
			d := NewCond(l)
			d.Signal() // no waiter, so this has no effect
			d.Broadcast()
			tokens, order := 0, []int(nil)
			wait := func(i int) *unit {
				u := w.start(func(ctx context.Context) {
					if err := l.LockContext(ctx); err != nil {
						w.errorf("%v", err)
						return
					}
					defer d.L.Unlock()
					for tokens == 0 {
						if err := d.WaitContext(ctx); err != nil {
							w.check(errors.Is(err, errStop), "%v", err)
							order = append(order, -i) // Wait has locked L
							return
						}
					}
					tokens--
					order = append(order, i)
				})
				return u
			}
			add := func(n int) {
				d.L.Lock()
				tokens += n
				d.L.Unlock()
			}
			a, b := wait(1), (*unit)(nil)
			untilWaiting(&d.mu, &d.queue, 1)
			b = wait(2)
			untilWaiting(&d.mu, &d.queue, 2)
			c := wait(3)
			untilWaiting(&d.mu, &d.queue, 3)
			b.cancel(errStop)
			<-b.done
			add(1)
			d.Signal()
			<-a.done
			add(1)
			d.Broadcast()
			<-c.done
			require.Equal(w.t, []int{-2, 1, 3}, order)
			// A cancelled Wait still waits for L.
			u := wait(4)
			untilWaiting(&d.mu, &d.queue, 1)
			d.L.Lock()
			u.cancel(errStop)
			untilWaiting(&d.mu, &d.queue, 0)
			order = nil
			d.L.Unlock()
			<-u.done
			require.Equal(w.t, []int{-4}, order)
		})
	}
}

// TestCondCancelRaces checks that a Signal whose waiter gives up goes to another waiter.
func TestCondCancelRaces(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		d := NewCond(&m)
		for range scale(200) {
			var woken, cancelled atomic.Int32
			wait := func(ctx context.Context) {
				if m.LockContext(ctx) != nil {
					cancelled.Add(1)
					return
				}
				defer m.Unlock()
				if d.WaitContext(ctx) == nil {
					woken.Add(1)
				} else {
					cancelled.Add(1)
				}
			}
			a, b := w.start(wait), w.start(wait)
			untilWaiting(&d.mu, &d.queue, 2)
			go a.cancel(errStop)
			d.Signal()
			<-a.done
			if cancelled.Load() == 0 { // a took the Signal
				d.Signal()
			}
			<-b.done
		}
	})
}

func TestEvent(t *testing.T) {
	each(t, func(w *world) {
		var e Event
		for range 3 {
			require.False(w.t, e.IsSet())
			value := 0
			for range 3 {
				w.start(func(ctx context.Context) { w.check(e.WaitContext(ctx) == nil && value == 1, "%d", value) })
			}
			gone := w.start(func(ctx context.Context) { w.check(errors.Is(e.WaitContext(ctx), errStop), "Wait") })
			untilWaiting(&e.mu, &e.queue, 4)
			gone.cancel(errStop)
			<-gone.done
			value = 1
			e.Set()
			e.Set()
			w.wait()
			require.NoError(w.t, e.WaitContext(bg))
			e.Reset()
		}
	})
}

func TestBarrier(t *testing.T) {
	requirePanics(t, "no parties", func() { NewBarrier(0) })
	last, err := NewBarrier(1).WaitContext(bg)
	require.True(t, last)
	require.NoError(t, err)
	each(t, func(w *world) {
		const n = 4
		b := NewBarrier(n)
		// A party that gives up does not count as having arrived.
		u := w.start(func(ctx context.Context) {
			_, err := b.WaitContext(ctx)
			w.check(errors.Is(err, errStop), "%v", err)
		})
		untilWaiting(&b.mu, &b.queue, 1)
		u.cancel(errStop)
		<-u.done
		var arrived, lasts atomic.Int64
		rounds := scale(200)
		for range n {
			w.start(func(ctx context.Context) {
				for r := range rounds {
					arrived.Add(1)
					last, err := b.WaitContext(ctx)
					w.check(err == nil && arrived.Load() >= int64(n*(r+1)), "round %d: %v", r, err)
					if last {
						lasts.Add(1)
					}
				}
			})
		}
		w.wait()
		require.EqualValues(w.t, rounds, lasts.Load())
		require.Zero(w.t, b.waiting)
	})
}

// TestMisuse calls operations wrongly, in ways that they can detect, and checks which task waits under
// another task's Ctx.
func TestMisuse(t *testing.T) {
	var none context.Context
	requirePanics(t, "nil context", func() { _ = new(Mutex).LockContext(none) })
	requirePanics(t, "the zero Barrier", func() { _, _ = new(Barrier).WaitContext(bg) })
	requirePanics(t, "a Cond without a lock", func() { _ = new(Cond).WaitContext(bg) })
	requirePanics(t, "NewTicker(-1ns)", func() { NewTicker(nil, -1) })
	requirePanics(t, "NewSemaphore(-2)", func() { NewSemaphore(-2) })
	eachOf(t, []int{2}, []flavour{tasks}, func(w *world) {
		// A goroutine that passes a task's Ctx, or a context derived from it, blocks itself and not
		// the task.
		var e, met Event
		var its *task.Ctx
		w.start(func(ctx context.Context) {
			its = ctx.(*task.Ctx)
			_ = e.WaitContext(ctx)
		})
		untilWaiting(&e.mu, &e.queue, 1)
		testkit.Spin(func() bool { return its.Task().State() == task.Waiting })
		var m Mutex
		ctx, cancel := context.WithCancel(its)
		defer cancel()
		for _, ctx := range []context.Context{its, ctx} {
			require.NoError(w.t, m.LockContext(ctx))
			go func() {
				untilWaiting(&m.mu, &m.queue, 1)
				m.Unlock()
			}()
			require.NoError(w.t, m.LockContext(ctx))
			m.Unlock()
		}
		// Another task that passes the Ctx parks itself, too.
		w.start(func(context.Context) {
			w.check(met.WaitContext(its) == nil, "the wait has ended early")
		})
		untilWaiting(&met.mu, &met.queue, 1)
		met.Set()
		w.start(func(context.Context) {
			err := new(Event).WaitContext(its)
			w.check(errors.Is(err, context.Canceled), "%v", err)
		})
		its.Task().Cancel() // ends its own wait, and those of others under its Ctx
	})
}

// TestDerivedAfterTheEnd checks that the Ctx of a task that has ended has ended, as have the
// contexts derived from it.
func TestDerivedAfterTheEnd(t *testing.T) {
	eachOf(t, []int{2}, []flavour{tasks}, func(w *world) {
		var its, derived, detached context.Context
		var stop context.CancelFunc
		w.do(func(ctx context.Context) {
			its, detached = ctx, context.WithoutCancel(ctx)
			derived, stop = context.WithCancel(ctx)
		})
		defer stop() // the task's end has called it already
		<-derived.Done()
		testkit.Spin(func() bool { return its.(*task.Ctx).Task().State() == task.Done })
		require.ErrorIs(w.t, new(Mutex).LockContext(derived), context.Canceled)
		require.ErrorIs(w.t, new(Mutex).LockContext(its), context.Canceled)
		require.NoError(w.t, new(Mutex).LockContext(detached))
	})
}

// TestAllWorkerCounts runs a little of everything with the numbers of workers that the other tests
// leave out.
func TestAllWorkerCounts(t *testing.T) {
	eachOf(t, []int{4, 64}, []flavour{tasks, mixture}, func(w *world) {
		ch, back := NewChan[int](0), NewChan[int](4)
		var m Mutex
		sem, sum := NewSemaphore(3), 0
		var g, relayed WaitGroup
		n := scale(200)
		for range 8 {
			g.Add(1)
			relayed.Add(1)
			w.start(func(ctx context.Context) {
				defer g.Done()
				for i := range n {
					w.check(ch.Send(ctx, i) == nil, "Send")
				}
			})
			w.start(func(ctx context.Context) {
				defer relayed.Done()
				for v := range ch.All(ctx) {
					w.check(sem.Acquire(ctx, 1) == nil, "Acquire")
					w.check(back.Send(ctx, v) == nil, "Send")
					sem.Release(1)
				}
			})
			w.start(func(ctx context.Context) {
				for v := range back.All(ctx) {
					w.check(m.LockContext(ctx) == nil, "Lock")
					sum += v
					m.Unlock()
				}
			})
		}
		require.NoError(w.t, g.WaitContext(bg))
		ch.Close()
		require.NoError(w.t, relayed.WaitContext(bg))
		back.Close()
		w.wait()
		require.Equal(w.t, 8*n*(n-1)/2, sum)
	})
}
