package tsync

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

func TestCond(t *testing.T) {
	for _, l := range []func() Locker{func() Locker { return new(Mutex) }, func() Locker { return new(RWMutex) }} {
		each(t, func(w *world) {
			d := NewCond(l())
			d.Signal() // nobody waits: nothing
			d.Broadcast()
			tokens, order := 0, []int(nil)
			wait := func(i int) *unit {
				u := w.start(func(ctx context.Context) {
					if err := d.L.Lock(ctx); err != nil {
						w.errorf("%v", err)
						return
					}
					defer d.L.Unlock()
					for tokens == 0 {
						if err := d.Wait(ctx); err != nil {
							w.check(errors.Is(err, errStop), "%v", err)
							order = append(order, -i) // L is held
							return
						}
					}
					tokens--
					order = append(order, i)
				})
				return u
			}
			add := func(n int) {
				require.NoError(w.t, d.L.Lock(bg))
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
			// A cancelled Wait waits for L.
			u := wait(4)
			untilWaiting(&d.mu, &d.queue, 1)
			require.NoError(w.t, d.L.Lock(bg))
			u.cancel(errStop)
			untilWaiting(&d.mu, &d.queue, 0)
			order = nil
			d.L.Unlock()
			<-u.done
			require.Equal(w.t, []int{-4}, order)
		})
	}
}

// TestCondCancelRaces: a Signal that a Wait with an error was offered goes to another one.
func TestCondCancelRaces(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		d := NewCond(&m)
		for range scale(200) {
			var woken, cancelled atomic.Int32
			wait := func(ctx context.Context) {
				if m.Lock(ctx) != nil {
					cancelled.Add(1)
					return
				}
				defer m.Unlock()
				if d.Wait(ctx) == nil {
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
			if cancelled.Load() == 0 { // a took it
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
				w.start(func(ctx context.Context) { w.check(e.Wait(ctx) == nil && value == 1, "%d", value) })
			}
			gone := w.start(func(ctx context.Context) { w.check(errors.Is(e.Wait(ctx), errStop), "Wait") })
			untilWaiting(&e.mu, &e.queue, 4)
			gone.cancel(errStop)
			<-gone.done
			value = 1
			e.Set()
			e.Set()
			w.wait()
			require.NoError(w.t, e.Wait(bg))
			e.Reset()
		}
	})
}

func TestBarrier(t *testing.T) {
	requirePanics(t, "no parties", func() { NewBarrier(0) })
	last, err := NewBarrier(1).Wait(bg)
	require.True(t, last)
	require.NoError(t, err)
	each(t, func(w *world) {
		const n = 4
		b := NewBarrier(n)
		// One that gives up has not arrived.
		u := w.start(func(ctx context.Context) {
			_, err := b.Wait(ctx)
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
					last, err := b.Wait(ctx)
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

func TestOnce(t *testing.T) {
	each(t, func(w *world) {
		var o Once
		var m Mutex
		require.True(w.t, m.TryLock())
		n := 0
		f := func(ctx context.Context) func() {
			return func() {
				_ = m.Lock(ctx)
				n++
			}
		}
		for range 3 {
			w.start(func(ctx context.Context) { w.check(o.Do(ctx, f(ctx)) == nil && n == 1, "%d", n) })
		}
		untilWaiting(&o.done.mu, &o.done.queue, 2)
		gone := w.start(func(ctx context.Context) { w.check(errors.Is(o.Do(ctx, func() {}), errStop), "Do") })
		untilWaiting(&o.done.mu, &o.done.queue, 3)
		gone.cancel(errStop)
		<-gone.done
		m.Unlock()
		w.wait()
		require.NoError(w.t, o.Do(bg, func() {}))
	})
	ended, cancel := context.WithCancelCause(bg)
	cancel(errStop)
	var o Once
	require.ErrorIs(t, o.Do(ended, func() {}), errStop)
	requirePanics(t, "boom", func() { _ = o.Do(bg, func() { panic("boom") }) })
	require.NoError(t, o.Do(bg, func() {}), "a panic counts as done")
}

func TestOnceValue(t *testing.T) {
	each(t, func(w *world) {
		n := 0
		get := OnceValue(func(ctx context.Context) int {
			n++
			yield(ctx)
			return 42
		})
		for range 5 {
			w.start(func(ctx context.Context) {
				v, err := get(ctx)
				w.check(v == 42 && err == nil && n == 1, "%d %v %d", v, err, n)
			})
		}
	})
	bad := OnceValue(func(context.Context) int { panic("boom") })
	for range 2 {
		requirePanics(t, "boom", func() { _, _ = bad(bg) })
	}
	exits := OnceValue(func(context.Context) int { runtime.Goexit(); return 0 })
	done := make(chan struct{})
	go func() { defer close(done); _, _ = exits(bg) }()
	<-done
	requirePanics(t, "Goexit", func() { _, _ = exits(bg) })
}

// TestMisuse: what the state of a task shows.
func TestMisuse(t *testing.T) {
	var none context.Context
	requirePanics(t, "nil context", func() { _ = new(Mutex).Lock(none) })
	requirePanics(t, "the zero Barrier", func() { _, _ = new(Barrier).Wait(bg) })
	requirePanics(t, "a Cond without a lock", func() { _ = new(Cond).Wait(bg) })
	requirePanics(t, "NewTicker(-1ns)", func() { NewTicker(nil, -1) })
	requirePanics(t, "NewSemaphore(-2)", func() { NewSemaphore(-2) })
	eachOf(t, []int{2}, []flavour{tasks}, func(w *world) {
		// A goroutine that waits under a task's Ctx, or under a context that is derived from it, waits itself.
		var e, met Event
		var its *task.Ctx
		w.start(func(ctx context.Context) {
			its = ctx.(*task.Ctx)
			_ = e.Wait(ctx)
		})
		untilWaiting(&e.mu, &e.queue, 1)
		until(func() bool { return its.Task().State() == task.Waiting })
		var m Mutex
		ctx, cancel := context.WithCancel(its)
		defer cancel()
		for _, ctx := range []context.Context{its, ctx} {
			require.NoError(w.t, m.Lock(ctx))
			go func() {
				untilWaiting(&m.mu, &m.queue, 1)
				m.Unlock()
			}()
			require.NoError(w.t, m.Lock(ctx))
			m.Unlock()
		}
		// And so does another task.
		w.start(func(context.Context) {
			w.check(met.Wait(its) == nil, "the wait has ended early")
		})
		untilWaiting(&met.mu, &met.queue, 1)
		met.Set()
		w.start(func(context.Context) {
			err := new(Event).Wait(its)
			w.check(errors.Is(err, context.Canceled), "%v", err)
		})
		its.Task().Cancel() // ends its own wait, and those of others under its Ctx
	})
}

// TestDerivedAfterTheEnd: the Ctx of a task that has ended has, and so have contexts that are derived from it.
func TestDerivedAfterTheEnd(t *testing.T) {
	eachOf(t, []int{2}, []flavour{tasks}, func(w *world) {
		var its, derived, detached context.Context
		var stop context.CancelFunc
		w.do(func(ctx context.Context) {
			its, detached = ctx, context.WithoutCancel(ctx)
			derived, stop = context.WithCancel(ctx)
		})
		defer stop() // the task's end does it before
		<-derived.Done()
		until(func() bool { return its.(*task.Ctx).Task().State() == task.Done })
		require.ErrorIs(w.t, new(Mutex).Lock(derived), context.Canceled)
		require.ErrorIs(w.t, new(Mutex).Lock(its), context.Canceled)
		require.NoError(w.t, new(Mutex).Lock(detached))
	})
}

// TestAllWorkerCounts runs a little of everything with the numbers of workers that other tests leave out.
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
					w.check(m.Lock(ctx) == nil, "Lock")
					sum += v
					m.Unlock()
				}
			})
		}
		require.NoError(w.t, g.Wait(bg))
		ch.Close()
		require.NoError(w.t, relayed.Wait(bg))
		back.Close()
		w.wait()
		require.Equal(w.t, 8*n*(n-1)/2, sum)
	})
}
