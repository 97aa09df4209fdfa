package tsync

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// A waitable is an operation on a primitive of its own, in a state in which the operation has to
// wait.
type waitable struct {
	wait func(ctx context.Context) error
	// give brings about the event that the operation waits for, unless the operation has given up.
	give func()
	// after checks the primitive once both sides are over and the operation has returned err. If
	// err is not nil, it checks that the operation has had no effect. It may be nil.
	after func(t *testing.T, err error)
	// waits reports whether the operation waits.
	waits func() bool
	why   rt.WaitReason
}

// queued returns a waits function for a queue.
func queued[T any](mu sync.Locker, q *queue[T]) func() bool {
	return func() bool { return length(mu, q) == 1 }
}

// waitables has every operation of the package that can wait under a context.
var waitables = map[string]func() waitable{
	"Chan.Recv": func() waitable {
		ch := NewChan[int](0)
		given := false
		return waitable{
			wait: func(ctx context.Context) error {
				v, ok, err := ch.Recv(ctx)
				if ok != (err == nil) || v != map[bool]int{true: 1}[ok] {
					panic("a value that was not sent, or none")
				}
				return err
			},
			give:  func() { given = ch.TrySend(1) },
			after: func(t *testing.T, err error) { require.Equal(t, given, err == nil) },
			waits: queued(&ch.mu, &ch.recvq), why: rt.WaitRecv,
		}
	},
	"Chan.Send": func() waitable {
		ch := NewChan[int](0)
		taken := false
		return waitable{
			wait:  func(ctx context.Context) error { return ch.Send(ctx, 1) },
			give:  func() { _, taken = ch.TryRecv() },
			after: func(t *testing.T, err error) { require.Equal(t, taken, err == nil) },
			waits: queued(&ch.mu, &ch.sendq), why: rt.WaitSend,
		}
	},
	"Chan.Send to a full buffer": func() waitable {
		ch := NewChan[int](1)
		ch.TrySend(0)
		return waitable{
			wait: func(ctx context.Context) error { return ch.Send(ctx, 1) },
			give: func() { ch.TryRecv() },
			after: func(t *testing.T, err error) {
				v, done := ch.TryRecv()
				require.Equal(t, err == nil, done)
				require.Equal(t, err == nil, v == 1)
			},
			waits: queued(&ch.mu, &ch.sendq), why: rt.WaitSend,
		}
	},
	"Select with a receipt": func() waitable {
		a, b := NewChan[int](0), NewChan[int](0)
		given := false
		return waitable{
			wait: func(ctx context.Context) error {
				_, err := Select(ctx, a.RecvCase(), b.RecvCase(), a.SendCase(5))
				return err
			},
			give: func() { given = b.TrySend(1) },
			after: func(t *testing.T, err error) {
				require.Equal(t, given, err == nil)
				require.Zero(t, length(&a.mu, &a.recvq)+length(&a.mu, &a.sendq)+length(&b.mu, &b.recvq))
			},
			waits: queued(&b.mu, &b.recvq), why: rt.WaitSelect,
		}
	},
	"Select with a send": func() waitable {
		a, b := NewChan[int](0), NewChan[int](0)
		taken := false
		return waitable{
			wait: func(ctx context.Context) error {
				_, err := Select(ctx, a.RecvCase(), b.SendCase(1))
				return err
			},
			give: func() { _, taken = b.TryRecv() },
			after: func(t *testing.T, err error) {
				require.Equal(t, taken, err == nil)
				require.Zero(t, length(&a.mu, &a.recvq)+length(&b.mu, &b.sendq))
			},
			waits: queued(&b.mu, &b.sendq), why: rt.WaitSelect,
		}
	},
	"Mutex.Lock": func() waitable {
		m := new(Mutex)
		m.TryLock()
		return waitable{
			wait: m.LockContext, give: m.Unlock,
			after: func(t *testing.T, err error) {
				require.Equal(t, err != nil, m.TryLock())
				m.Unlock()
				require.Zero(t, m.state.Load())
			},
			waits: queued(&m.mu, &m.queue), why: rt.WaitMutex,
		}
	},
	"Mutex.Lock behind another": func() waitable {
		m := new(Mutex)
		m.TryLock()
		m.handoffs = handoffBurst
		return waitable{
			wait: m.LockContext, give: m.Unlock,
			after: func(t *testing.T, err error) {
				require.Equal(t, err != nil, m.TryLock())
				m.Unlock()
				require.Zero(t, m.state.Load())
			},
			waits: queued(&m.mu, &m.queue), why: rt.WaitMutex,
		}
	},
	"KeyedMutex.Lock": func() waitable {
		k := new(KeyedMutex[string])
		k.TryLock("a")
		e := k.keys["a"]
		return waitable{
			wait: func(ctx context.Context) error { return k.LockContext(ctx, "a") },
			give: func() { k.Unlock("a") },
			after: func(t *testing.T, err error) {
				require.Equal(t, err != nil, k.TryLock("a"))
				k.Unlock("a")
				require.Empty(t, k.keys)
				require.Zero(t, e.m.state.Load())
			},
			waits: queued(&e.m.mu, &e.m.queue), why: rt.WaitMutex,
		}
	},
	"RWMutex.Lock": func() waitable {
		rw := new(RWMutex)
		rw.TryRLock()
		return waitable{
			wait: rw.LockContext, give: rw.RUnlock,
			after: func(t *testing.T, err error) { require.Equal(t, err != nil, rw.TryLock()) },
			waits: queued(&rw.mu, &rw.writeq), why: rt.WaitWLock,
		}
	},
	"RWMutex.RLock": func() waitable {
		rw := new(RWMutex)
		rw.TryLock()
		return waitable{
			wait: rw.RLockContext, give: rw.Unlock,
			after: func(t *testing.T, err error) { require.Equal(t, err != nil, rw.TryLock()) },
			waits: queued(&rw.mu, &rw.readq), why: rt.WaitRLock,
		}
	},
	"Semaphore.Acquire": func() waitable {
		s := NewSemaphore(2)
		s.TryAcquire(2)
		return waitable{
			wait:  func(ctx context.Context) error { return s.Acquire(ctx, 2) },
			give:  func() { s.Release(2) },
			after: func(t *testing.T, err error) { require.Equal(t, err != nil, s.TryAcquire(2)) },
			waits: queued(&s.mu, &s.queue), why: rt.WaitSemaphore,
		}
	},
	"Cond.Wait": func() waitable {
		m := new(Mutex)
		d := NewCond(m)
		signalled := false // under m
		return waitable{
			wait: func(ctx context.Context) error {
				if err := m.LockContext(ctx); err != nil {
					return err
				}
				defer m.Unlock() // WaitContext holds m even if it has failed
				for !signalled {
					if err := d.WaitContext(ctx); err != nil {
						return err
					}
				}
				return nil
			},
			give: func() {
				_ = m.LockContext(bg)
				signalled = true
				d.Signal()
				m.Unlock()
			},
			after: func(t *testing.T, err error) {
				require.True(t, m.TryLock())
				require.Zero(t, length(&d.mu, &d.queue))
			},
			waits: queued(&d.mu, &d.queue), why: rt.WaitCond,
		}
	},
	"WaitGroup.Wait": func() waitable {
		g := new(WaitGroup)
		g.Add(1)
		return waitable{
			wait: g.WaitContext, give: g.Done,
			after: func(t *testing.T, err error) { require.NoError(t, g.WaitContext(bg)) },
			waits: queued(&g.mu, &g.queue), why: rt.WaitGroup,
		}
	},
	"Event.Wait": func() waitable {
		e := new(Event)
		return waitable{
			wait: e.WaitContext, give: e.Set,
			after: func(t *testing.T, err error) { require.NoError(t, e.WaitContext(bg)) },
			waits: queued(&e.mu, &e.queue), why: rt.WaitEvent,
		}
	},
	"Barrier.Wait": func() waitable {
		b := NewBarrier(2)
		ended, end := context.WithCancelCause(bg)
		arrived := make(chan error, 1)
		return waitable{
			wait: func(ctx context.Context) error { _, err := b.WaitContext(ctx); return err },
			give: func() {
				go func() { _, err := b.WaitContext(ended); arrived <- err }()
			},
			after: func(t *testing.T, err error) {
				if err != nil { // the other party waits alone
					end(errStop)
				}
				require.Equal(t, err, <-arrived)
				end(nil)
				require.Zero(t, b.waiting)
			},
			waits: queued(&b.mu, &b.queue), why: rt.WaitBarrier,
		}
	},
}

// TestCancelAtEveryPoint cancels every operation that waits, before, during and after its event.
// Either the operation gets the event, or the event has had no effect.
func TestCancelAtEveryPoint(t *testing.T) {
	for name, fresh := range waitables {
		t.Run(name, func(t *testing.T) {
			eachOf(t, []int{1, 4}, []flavour{tasks, derived, goroutines}, func(w *world) {
				r := rand.New(rand.NewPCG(1, 2))
				gaveUp, got := 0, 0
				for i := range scale(150) {
					x := fresh()
					var result error
					u := w.start(func(ctx context.Context) { result = x.wait(ctx) })
					if i%2 == 0 {
						testkit.Spin(x.waits)
					}
					pause := [2]int{r.IntN(20), r.IntN(20)}
					var both sync.WaitGroup
					for k, f := range []func(){x.give, func() { u.cancel(errStop) }} {
						both.Go(func() {
							for range pause[k] {
								runtime.Gosched()
							}
							f()
						})
					}
					both.Wait()
					<-u.done
					if result == nil {
						got++
					} else {
						require.ErrorIs(w.t, result, errStop)
						gaveUp++
					}
					if x.after != nil {
						x.after(w.t, result)
					}
				}
				w.wait()
				w.t.Logf("%d gave up, %d got it", gaveUp, got)
			})
		})
	}
}

// TestCancelFirst cancels a wait before its event, and then tries the operation under a context
// that has already ended. Neither may have an effect.
func TestCancelFirst(t *testing.T) {
	for name, fresh := range waitables {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				x := fresh()
				var result error
				u := w.start(func(ctx context.Context) { result = x.wait(ctx) })
				testkit.Spin(x.waits)
				u.cancel(errStop)
				<-u.done
				require.ErrorIs(w.t, result, errStop)
				require.False(w.t, x.waits())
				// A second try under a context that has ended must not wait either.
				ended, cancel := context.WithCancelCause(bg)
				cancel(errStop)
				require.ErrorIs(w.t, x.wait(ended), errStop)
				require.False(w.t, x.waits())
				x.give()
				x.after(w.t, errStop)
			})
		})
	}
}

// TestWithoutCancel waits under a context that is separated from the task by context.WithoutCancel.
// Cancelling the task before or during the wait must not end the wait. The end of a context derived
// from that one must end it.
func TestWithoutCancel(t *testing.T) {
	ofTask := errors.New("of the task")
	type ends int
	const (
		byEvent ends = iota
		byEventBelow
		byContext
	)
	for name, fresh := range waitables {
		t.Run(name, func(t *testing.T) {
			eachOf(t, []int{1, 4}, []flavour{tasks}, func(w *world) {
				for _, before := range []bool{true, false} {
					for _, how := range []ends{byEvent, byEventBelow, byContext} {
						x := fresh()
						var result error
						var stop context.CancelCauseFunc
						begin, ready := make(chan struct{}), make(chan struct{})
						u := w.start(func(ctx context.Context) {
							<-begin
							ctx = context.WithoutCancel(ctx)
							if how != byEvent {
								ctx, stop = context.WithCancelCause(ctx)
								defer stop(nil)
							}
							close(ready)
							result = x.wait(ctx)
						})
						if before {
							u.cancel(ofTask)
						}
						close(begin)
						<-ready
						testkit.Spin(x.waits)
						if !before {
							u.cancel(ofTask)
						}
						var want error
						if how == byContext {
							want = errStop
							stop(want)
						} else {
							x.give()
						}
						<-u.done
						require.Equal(w.t, want, result)
						if how == byContext {
							x.give()
						}
						x.after(w.t, want)
					}
				}
			})
		})
	}
}

// TestWhy checks that a waiting task shows what it waits for.
func TestWhy(t *testing.T) {
	for name, fresh := range waitables {
		t.Run(name, func(t *testing.T) {
			eachOf(t, []int{1}, []flavour{tasks, derived}, func(w *world) {
				x := fresh()
				its := make(chan *task.Ctx, 1)
				u := w.start(func(ctx context.Context) {
					c, _ := task.From(ctx)
					its <- c
					_ = x.wait(ctx)
				})
				d := (*rt.Life)(<-its).Task()
				testkit.Spin(func() bool { return d.State() == rt.Waiting })
				require.Equal(w.t, x.why, d.Status().WaitReason(), "%v", d.Status().WaitReason())
				u.cancel(errStop)
				<-u.done
				x.give()
				if x.after != nil {
					x.after(w.t, errStop)
				}
			})
		})
	}
	eachOf(t, []int{1}, []flavour{tasks}, func(w *world) {
		for _, wait := range []func(c context.Context){
			func(c context.Context) { _ = (*Chan[int])(nil).Send(c, 1) },
			func(c context.Context) { _, _ = Select(c) },
			func(c context.Context) { _ = NewSemaphore(1).Acquire(c, 2) },
		} {
			its := make(chan *task.Ctx, 1)
			u := w.start(func(ctx context.Context) { its <- ctx.(*task.Ctx); wait(ctx) })
			d := (*rt.Life)(<-its).Task()
			testkit.Spin(func() bool { return d.State() == rt.Waiting })
			require.Equal(w.t, rt.WaitNever, d.Status().WaitReason())
			u.cancel(errStop)
			<-u.done
		}
	})
}

// TestNobodyStarves checks that a caller that wants all of a resource gets it although other
// callers always hold a part of it.
func TestNobodyStarves(t *testing.T) {
	for name, fresh := range map[string]func() (big, small func(ctx context.Context) error, endBig, endSmall func()){
		"RWMutex": func() (big, small func(ctx context.Context) error, endBig, endSmall func()) {
			rw := new(RWMutex)
			return rw.LockContext, rw.RLockContext, rw.Unlock, rw.RUnlock
		},
		"Semaphore": func() (big, small func(ctx context.Context) error, endBig, endSmall func()) {
			s := NewSemaphore(4)
			of := func(n int64) func(ctx context.Context) error {
				return func(ctx context.Context) error { return s.Acquire(ctx, n) }
			}
			return of(4), of(1), func() { s.Release(4) }, func() { s.Release(1) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				big, small, endBig, endSmall := fresh()
				var over Event
				for range 4 {
					w.start(func(ctx context.Context) {
						for !over.IsSet() { // so one of the four nearly always holds a part
							w.check(small(ctx) == nil, "small")
							yield(ctx)
							endSmall()
						}
					})
				}
				w.start(func(ctx context.Context) {
					for range scale(50) {
						w.check(big(ctx) == nil, "big")
						endBig()
					}
					over.Set()
				})
			})
		})
	}
}
