package tsync

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// A brokenCtx is a context whose method panics from its nth call on. The count begins when the
// context is armed.
type brokenCtx struct {
	context.Context
	method string
	left   atomic.Int64 // calls that do not panic yet; negative if not armed
}

func newBroken(ctx context.Context, method string) *brokenCtx {
	x := &brokenCtx{Context: ctx, method: method}
	x.left.Store(-1)
	return x
}

const brokenPanic = "the context is broken"

func (x *brokenCtx) call(method string) {
	if method != x.method {
		return
	}
	for {
		n := x.left.Load()
		if n < 0 {
			return
		}
		if n == 0 {
			panic(brokenPanic)
		}
		if x.left.CompareAndSwap(n, n-1) {
			return
		}
	}
}

func (x *brokenCtx) Done() <-chan struct{} { x.call("Done"); return x.Context.Done() }
func (x *brokenCtx) Err() error            { x.call("Err"); return x.Context.Err() }
func (x *brokenCtx) Value(key any) any     { x.call("Value"); return x.Context.Value(key) }

// recovered calls f and returns the value that f panics with, or nil if it does not panic.
func recovered(f func()) (v any) {
	defer func() { v = recover() }()
	f()
	return nil
}

// A bench is a primitive in a state in which the operation wait has to wait.
type bench struct {
	name string
	make func(w *world) (wait func(ctx context.Context) error, check func(ctx context.Context) error)
}

func errIf(bad bool, format string, args ...any) error {
	if bad {
		return fmt.Errorf(format, args...)
	}
	return nil
}

// benches has one entry for each operation that waits. check fails if the wait that was given up
// has left anything behind.
var benches = []bench{
	{"Mutex", func(w *world) (wait, check func(ctx context.Context) error) {
		m := new(Mutex)
		m.TryLock()
		return m.LockContext, func(ctx context.Context) error {
			m.Unlock()
			err := m.LockContext(ctx)
			m.Unlock()
			return errIf(err != nil || m.state.Load() != 0, "%v, state %d", err, m.state.Load())
		}
	}},
	{"KeyedMutex", func(w *world) (wait, check func(ctx context.Context) error) {
		k := new(KeyedMutex[int])
		k.TryLock(1)
		return func(ctx context.Context) error { return k.LockContext(ctx, 1) }, func(ctx context.Context) error {
			k.Unlock(1)
			return errIf(len(k.keys) != 0 || !k.TryLock(1), "%d keys", len(k.keys))
		}
	}},
	{"RWMutex.Lock", func(w *world) (wait, check func(ctx context.Context) error) {
		m := new(RWMutex)
		m.TryRLock()
		return m.LockContext, func(ctx context.Context) error {
			ok := m.TryRLock() // fails if a writer is still queued
			m.RUnlock()
			m.RUnlock()
			return errIf(!ok || !m.TryLock(), "a writer was left")
		}
	}},
	{"RWMutex.RLock", func(w *world) (wait, check func(ctx context.Context) error) {
		m := new(RWMutex)
		m.TryLock()
		return m.RLockContext, func(ctx context.Context) error {
			m.Unlock()
			return errIf(!m.TryLock(), "a reader was left")
		}
	}},
	{"Semaphore", func(w *world) (wait, check func(ctx context.Context) error) {
		s := NewSemaphore(2)
		s.TryAcquire(1)
		return func(ctx context.Context) error { return s.Acquire(ctx, 2) }, func(ctx context.Context) error {
			s.Release(1)
			return errIf(!s.TryAcquire(2), "units are missing")
		}
	}},
	{"Semaphore of too few units", func(w *world) (wait, check func(ctx context.Context) error) {
		s := NewSemaphore(2)
		return func(ctx context.Context) error { return s.Acquire(ctx, 3) }, func(ctx context.Context) error {
			return errIf(!s.TryAcquire(2), "units are missing")
		}
	}},
	{"Cond", func(w *world) (wait, check func(ctx context.Context) error) {
		d := NewCond(new(Mutex))
		return func(ctx context.Context) error {
				if err := d.L.(lockerContext).LockContext(ctx); err != nil {
					return err
				}
				defer d.L.Unlock()
				return d.WaitContext(ctx)
			}, func(ctx context.Context) error {
				d.Signal()
				return errIf(!d.L.(*Mutex).TryLock() || d.queue.First != nil, "a waiter or the lock was left")
			}
	}},
	{"WaitGroup", func(w *world) (wait, check func(ctx context.Context) error) {
		g := new(WaitGroup)
		g.Add(1)
		return g.WaitContext, func(ctx context.Context) error {
			g.Done()
			return g.WaitContext(ctx)
		}
	}},
	{"Event", func(w *world) (wait, check func(ctx context.Context) error) {
		e := new(Event)
		return e.WaitContext, func(ctx context.Context) error {
			e.Set()
			return e.WaitContext(ctx)
		}
	}},
	{"Barrier", func(w *world) (wait, check func(ctx context.Context) error) {
		b := NewBarrier(2)
		return func(ctx context.Context) error { _, err := b.WaitContext(ctx); return err }, func(ctx context.Context) error {
			return errIf(b.waiting != 0 || b.queue.First != nil, "%d are waiting", b.waiting)
		}
	}},
	{"Chan.Recv", func(w *world) (wait, check func(ctx context.Context) error) {
		ch := NewChan[int](0)
		return func(ctx context.Context) error { _, _, err := ch.Recv(ctx); return err }, func(ctx context.Context) error {
			return errIf(ch.TrySend(1), "a receiver was left")
		}
	}},
	{"Chan.Send", func(w *world) (wait, check func(ctx context.Context) error) {
		ch := NewChan[int](1)
		ch.TrySend(1)
		return func(ctx context.Context) error { return ch.Send(ctx, 2) }, func(ctx context.Context) error {
			_, one := ch.TryRecv()
			_, two := ch.TryRecv()
			return errIf(!one || two, "a sender was left")
		}
	}},
	{"nil Chan", func(w *world) (wait, check func(ctx context.Context) error) {
		var ch *Chan[int]
		return func(ctx context.Context) error { return ch.Send(ctx, 2) }, func(ctx context.Context) error { return nil }
	}},
	{"Select", func(w *world) (wait, check func(ctx context.Context) error) {
		a, b := NewChan[int](0), NewChan[int](0)
		r, s := a.RecvCase(), b.SendCase(1)
		return func(ctx context.Context) error { _, err := Select(ctx, r, s); return err }, func(ctx context.Context) error {
			_, got := b.TryRecv()
			_, ok := TrySelect(r, s) // panics if a case is still in use
			return errIf(a.TrySend(1) || got || ok, "a case was left")
		}
	}},
	{"Timer.C", func(w *world) (wait, check func(ctx context.Context) error) {
		t := NewTimer(w.s, 24*time.Hour)
		return func(ctx context.Context) error { _, _, err := t.C.Recv(ctx); return err }, func(ctx context.Context) error {
			return errIf(!t.Stop() || t.C.recvq.First != nil, "a receiver was left")
		}
	}},
	{"Completion", func(w *world) (wait, check func(ctx context.Context) error) {
		p := new(task.Completion[int])
		return func(ctx context.Context) error { _, err := p.WaitContext(ctx); return err }, func(ctx context.Context) error {
			p.Complete(7, nil)
			v, err := p.WaitContext(ctx)
			return errIf(v != 7 || err != nil, "%d %v", v, err)
		}
	}},
	{"Group", func(w *world) (wait, check func(ctx context.Context) error) {
		g := task.NewGroup(w.s)
		var e Event
		_ = g.GoContext(bg, func(c *task.Ctx) error { return e.WaitContext(c) })
		return g.WaitContext, func(ctx context.Context) error {
			e.Set()
			return g.WaitContext(ctx)
		}
	}},
	{"Future", func(w *world) (wait, check func(ctx context.Context) error) {
		var e Event
		f := task.Submit(w.s, func(c *task.Ctx) (int, error) { return 7, e.WaitContext(c) })
		return func(ctx context.Context) error { _, err := task.Race(ctx, f); return err }, func(ctx context.Context) error {
			e.Set()
			v, err := f.WaitContext(ctx)
			return errIf(v != 7 || err != nil, "%d %v", v, err)
		}
	}},
	{"Receive", func(w *world) (wait, check func(ctx context.Context) error) {
		ch := make(chan int)
		return func(ctx context.Context) error { _, _, err := task.Receive(ctx, ch); return err }, func(ctx context.Context) error {
			select {
			case ch <- 1:
				return errIf(true, "a receiver was left")
			default:
				return nil
			}
		}
	}},
	{"Sleep", func(w *world) (wait, check func(ctx context.Context) error) {
		return func(ctx context.Context) error { return task.Sleep(ctx, 24*time.Hour) }, func(ctx context.Context) error { return nil }
	}},
}

// TestBrokenContextWhileWaiting panics in a method of the context at each point of a wait. After
// the panic is recovered, the primitive must be as before the wait, and only their events may end
// the task's next waits.
func TestBrokenContextWhileWaiting(t *testing.T) {
	for _, b := range benches {
		t.Run(b.name, func(t *testing.T) {
			eachOf(t, []int{1, 2}, []flavour{tasks, goroutines}, func(w *world) {
				w.do(func(ctx context.Context) {
					for _, method := range []string{"Done", "Err", "Value"} {
						for n := range 20 {
							wait, check := b.make(w)
							base, cancel := context.WithCancelCause(ctx)
							x := newBroken(base, method)
							x.left.Store(int64(n))
							started := make(chan struct{})
							var wg sync.WaitGroup
							wg.Go(func() {
								<-started
								cancel(errStop)
							})
							v := recovered(func() {
								close(started)
								err := wait(x)
								w.check(err != nil, "%s %d: no error", method, n)
							})
							w.check(v == nil || v == brokenPanic, "%s %d: %v", method, n, v)
							x.left.Store(-1)
							wg.Wait()
							err := check(ctx)
							w.check(err == nil, "%s %d: after %v: %v", method, n, v, err)
							w.check(nextWaits(ctx) == nil, "%s %d: a later wait has ended early", method, n)
							cancel(nil)
							if v == nil && n > 0 {
								break // the operation calls the method fewer times
							}
						}
					}
				})
			})
		})
	}
}

// nextWaits waits for two events in turn, first under ctx and then under a context that never ends.
// It returns an error if a wait ends before its event.
func nextWaits(ctx context.Context) error {
	for i := range 2 {
		var set atomic.Bool
		var e Event
		go func() {
			for range 3 {
				yield(bg)
			}
			set.Store(true)
			e.Set()
		}()
		x := ctx
		if i == 1 {
			x = context.WithoutCancel(ctx)
		}
		if err := e.WaitContext(x); err != nil || !set.Load() {
			return fmt.Errorf("%v, set %v", err, set.Load())
		}
	}
	return nil
}

// TestBrokenContextAfterTheEvent lets the context panic after the event has come. The wait must
// succeed and drop the panic.
func TestBrokenContextAfterTheEvent(t *testing.T) {
	eachOf(t, []int{1, 2}, []flavour{tasks, goroutines}, func(w *world) {
		w.do(func(ctx context.Context) {
			ch := NewChan[int](0)
			base, cancel := context.WithCancel(ctx)
			defer cancel()
			x := &callbackCtx{Context: base}
			x.done = func() {
				x.done = nil
				testkit.Spin(func() bool { return ch.TrySend(7) })
				panic(brokenPanic)
			}
			v, ok, err := ch.Recv(x)
			w.check(v == 7 && ok && err == nil, "Recv: %d %v %v", v, ok, err)

			var m Mutex
			m.TryLock()
			x.done = func() {
				x.done = nil
				m.Unlock()
				panic(brokenPanic)
			}
			err = m.LockContext(x)
			w.check(err == nil && !m.TryLock(), "Lock: %v", err)

			r := ch.RecvCase()
			x.done = func() {
				x.done = nil
				testkit.Spin(func() bool { return ch.TrySend(8) })
				panic(brokenPanic)
			}
			_, err = Select(x, r)
			w.check(err == nil && r.Value == 8, "Select: %v %d", err, r.Value)
			w.check(nextWaits(ctx) == nil, "a later wait has ended early")
		})
	})
}

// A callbackCtx is a context whose Done calls a function.
type callbackCtx struct {
	context.Context
	done func()
}

func (x *callbackCtx) Done() <-chan struct{} {
	if f := x.done; f != nil {
		f()
	}
	return x.Context.Done()
}

// TestCondWaitWithoutTheLock calls Wait without holding the lock. It must panic, and no Signal may
// end a later wait of the task because of it.
func TestCondWaitWithoutTheLock(t *testing.T) {
	for _, l := range []sync.Locker{new(Mutex), new(RWMutex)} {
		each(t, func(w *world) {
			d := NewCond(l)
			ch := NewChan[int](0)
			u := w.start(func(ctx context.Context) {
				w.check(recovered(func() { _ = d.WaitContext(ctx) }) != nil, "no panic")
				v, ok, err := ch.Recv(ctx)
				w.check(v == 7 && ok && err == nil, "Recv: %d %v %v", v, ok, err)
			})
			untilWaiting(&ch.mu, &ch.recvq, 1)
			require.Zero(w.t, length(&d.mu, &d.queue))
			d.Signal()
			d.Broadcast()
			require.True(w.t, ch.TrySend(7))
			<-u.done
			// The Cond still works.
			u = w.start(func(ctx context.Context) {
				w.check(d.L.(lockerContext).LockContext(ctx) == nil && d.WaitContext(ctx) == nil, "Wait")
				d.L.Unlock()
			})
			untilWaiting(&d.mu, &d.queue, 1)
			d.L.Lock() // u waits by the time the lock is free
			//lint:ignore SA2001 the lock was all that was wanted
			d.L.Unlock()
			d.Signal()
			<-u.done
		})
	}
}

// A lockFunc is a lock whose Unlock calls a function.
type lockFunc struct {
	Mutex
	unlock func()
}

func (l *lockFunc) Unlock() { l.unlock() }

// TestCondSignalAtThePanic lets a Signal come before the Unlock inside Wait panics. The Signal must
// go to the next waiter.
func TestCondSignalAtThePanic(t *testing.T) {
	each(t, func(w *world) {
		l := &lockFunc{}
		d := NewCond(l)
		l.unlock = func() {
			d.Signal()
			panic(brokenPanic)
		}
		w.do(func(ctx context.Context) {
			v := recovered(func() { _ = d.WaitContext(ctx) })
			w.check(v == brokenPanic, "%v", v)
			w.check(nextWaits(ctx) == nil, "a later wait has ended early")
		})
		require.Zero(w.t, length(&d.mu, &d.queue))
	})
}

// TestCondClaimAtThePanic lets a Signal claim the waiter before the Unlock inside Wait panics, and
// wake it after that. The waiter is used for other waits, so Wait must not end before the wake-up.
func TestCondClaimAtThePanic(t *testing.T) {
	eachOf(t, []int{2}, []flavour{tasks}, func(w *world) {
		w.do(func(ctx context.Context) {
			me, _ := task.Current()
			l := &lockFunc{}
			d := NewCond(l)
			var woken, returned atomic.Bool
			waker := make(chan struct{})
			l.unlock = func() {
				d.mu.Lock()
				claimed := d.queue.Pop() // the first half of Signal
				d.mu.Unlock()
				go func() {
					defer close(waker)
					testkit.Spin(func() bool { return me.Task().State() == task.Waiting || returned.Load() })
					woken.Store(true)
					claimed.wake(nil)
				}()
				panic(brokenPanic)
			}
			v := recovered(func() { _ = d.WaitContext(ctx) })
			w.check(v == brokenPanic, "%v", v)
			w.check(woken.Load(), "ended before the wake-up")
			returned.Store(true)
			<-waker
			w.check(nextWaits(ctx) == nil, "a later wait has ended early")
		})
	})
}

// TestNeverEndsOnce waits on a nil channel under a derived context, and lets the cancellation of
// the task race with that of the context. Exactly one of the two must end the wait.
func TestNeverEndsOnce(t *testing.T) {
	eachOf(t, []int{1, 2, 8}, []flavour{tasks}, func(w *world) {
		for range scale(1000) {
			var e Event
			var early atomic.Bool
			done := make(chan struct{})
			ready := make(chan task.Task, 1)
			w.s.Go(func(c *task.Ctx) {
				defer close(done)
				ctx, cancel := context.WithCancel(c)
				defer cancel()
				ready <- c.Task()
				_ = (*Chan[int])(nil).Send(ctx, 1)
				if err := e.WaitContext(context.WithoutCancel(c)); err != nil || !e.IsSet() {
					early.Store(true)
				}
			})
			tk := <-ready
			tk.Cancel()
			for range 20 {
				yield(bg)
			}
			e.Set()
			<-done
			require.False(w.t, early.Load())
		}
	})
}
