package tsync

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// A hardWait is an operation that only its event can end, in a state in which it has to wait.
type hardWait struct {
	wait, give func()
	waits      func() bool
	why        rt.WaitReason
}

// hardWaits has each operation of the package that waits without a context.
var hardWaits = map[string]func() hardWait{
	"Mutex.Lock": func() hardWait {
		m := new(Mutex)
		m.Lock()
		return hardWait{m.Lock, m.Unlock, queued(&m.mu, &m.queue), rt.WaitMutex}
	},
	"Mutex.Lock handed over": func() hardWait {
		m := new(Mutex)
		m.Lock()
		m.handoffs = handoffBurst
		return hardWait{m.Lock, m.Unlock, queued(&m.mu, &m.queue), rt.WaitMutex}
	},
	"RWMutex.Lock": func() hardWait {
		rw := new(RWMutex)
		rw.RLock()
		return hardWait{rw.Lock, rw.RUnlock, queued(&rw.mu, &rw.writeq), rt.WaitWLock}
	},
	"RWMutex.RLock": func() hardWait {
		rw := new(RWMutex)
		rw.Lock()
		return hardWait{rw.RLock, rw.Unlock, queued(&rw.mu, &rw.readq), rt.WaitRLock}
	},
	"RLocker.Lock": func() hardWait {
		rw := new(RWMutex)
		rw.Lock()
		return hardWait{rw.RLocker().Lock, rw.Unlock, queued(&rw.mu, &rw.readq), rt.WaitRLock}
	},
	"WaitGroup.Wait": func() hardWait {
		g := new(WaitGroup)
		g.Add(1)
		return hardWait{g.Wait, g.Done, queued(&g.mu, &g.queue), rt.WaitGroup}
	},
	"Cond.Wait": func() hardWait {
		m := new(Mutex)
		d := NewCond(m)
		return hardWait{func() {
			m.Lock()
			defer m.Unlock()
			d.Wait()
		}, d.Signal, queued(&d.mu, &d.queue), rt.WaitCond}
	},
	"Event.Wait": func() hardWait {
		e := new(Event)
		return hardWait{e.Wait, e.Set, queued(&e.mu, &e.queue), rt.WaitEvent}
	},
	"Barrier.Wait": func() hardWait {
		b := NewBarrier(2)
		return hardWait{func() { b.Wait() }, func() { b.Wait() }, queued(&b.mu, &b.queue), rt.WaitBarrier}
	},
	"Once.Do": func() hardWait {
		o := new(Once)
		hold, inside, over := make(chan struct{}), make(chan struct{}), make(chan struct{})
		go func() {
			defer close(over)
			o.Do(func() { close(inside); <-hold })
		}()
		<-inside
		return hardWait{func() { o.Do(func() { panic("called twice") }) }, func() { close(hold); <-over },
			queued(&o.done.mu, &o.done.queue), rt.WaitOnce}
	},
}

// TestHardWaits checks that an operation without a context parks the calling task or blocks the
// calling goroutine, and that a cancellation before or during the wait does not end it. The event
// does end it, and the task's next wait works as usual.
func TestHardWaits(t *testing.T) {
	for name, fresh := range hardWaits {
		t.Run(name, func(t *testing.T) {
			eachOf(t, []int{1, 4}, []flavour{tasks, goroutines}, func(w *world) {
				for _, before := range []bool{true, false} {
					x := fresh()
					var given atomic.Bool
					begin := make(chan struct{})
					its := make(chan *task.Ctx, 1)
					u := w.start(func(ctx context.Context) {
						c, isTask := task.Current()
						w.check(isTask == (w.f == tasks), "Current")
						its <- c
						<-begin
						x.wait()
						w.check(given.Load(), "the wait has ended early")
						if before || w.f == tasks {
							w.check(ctx.Err() != nil, "not cancelled")
						}
						w.check(nextWaits(context.WithoutCancel(ctx)) == nil, "a later wait has ended early")
					})
					if before {
						u.cancel(errStop)
					}
					close(begin)
					testkit.Spin(x.waits)
					if c := <-its; c != nil {
						d := (*rt.Task)(c)
						testkit.Spin(func() bool { return d.State() == rt.Waiting })
						require.Equal(w.t, x.why, d.Status().WaitReason(), "%v", d.Status().WaitReason())
					}
					u.cancel(errStop)
					// Another task can run on the worker meanwhile, because the wait parks its
					// task.
					if w.f == tasks {
						require.NoError(w.t, w.s.Go(func(*task.Ctx) {}).Wait())
					}
					require.True(w.t, x.waits())
					given.Store(true)
					x.give()
					<-u.done
				}
			})
		})
	}
}

// TestUncontendedIsNoYield checks that an operation without a context that need not wait ignores
// the task's cancellation.
func TestUncontendedIsNoYield(t *testing.T) {
	eachOf(t, []int{1}, []flavour{tasks}, func(w *world) {
		w.do(func(ctx context.Context) {
			c := ctx.(*task.Ctx)
			c.Task().Cancel()
			var other atomic.Bool
			c.Go(func(*task.Ctx) { other.Store(true) })
			var (
				m  Mutex
				rw RWMutex
				g  WaitGroup
				e  Event
			)
			inside := 0
			m.Lock()
			inside++
			m.Unlock()
			rw.Lock()
			inside++
			rw.Unlock()
			rw.RLock()
			w.check(inside == 2, "%d", inside)
			rw.RUnlock()
			g.Wait()
			e.Set()
			e.Wait()
			w.check(NewBarrier(1).Wait(), "last")
			w.check(!other.Load(), "the task has given way")
		})
	})
}

// TestCondOfNativeLocks checks that a Cond works with any sync.Locker.
func TestCondOfNativeLocks(t *testing.T) {
	var rw RWMutex
	var native sync.Mutex
	for name, l := range map[string]sync.Locker{"native": &native, "RLocker": rw.RLocker()} {
		t.Run(name, func(t *testing.T) {
			each(t, func(w *world) {
				d := NewCond(l)
				var set atomic.Bool
				for range 3 {
					w.start(func(ctx context.Context) {
						l.Lock()
						defer l.Unlock()
						for !set.Load() {
							d.Wait()
						}
					})
				}
				untilWaiting(&d.mu, &d.queue, 3)
				l.Lock()
				set.Store(true)
				d.Broadcast()
				l.Unlock()
			})
		})
	}
}

// TestLockersMeet checks that the forms with and without a context lock the same lock.
func TestLockersMeet(t *testing.T) {
	each(t, func(w *world) {
		var m Mutex
		var rw RWMutex
		n, sum := scale(300), 0
		for i := range 12 {
			w.start(func(ctx context.Context) {
				for k := range n {
					switch (i + k) % 4 {
					case 0:
						m.Lock()
					case 1:
						w.check(m.LockContext(ctx) == nil, "LockContext")
					case 2:
						w.check(m.LockContext(context.WithoutCancel(ctx)) == nil, "LockContext")
					default:
						for !m.TryLock() {
							yield(ctx)
						}
					}
					rw.RLock()
					before := sum
					rw.RUnlock()
					if k%2 == 0 {
						rw.Lock()
					} else {
						w.check(rw.LockContext(ctx) == nil, "LockContext")
					}
					w.check(sum == before, "another is inside")
					sum++
					rw.Unlock()
					if k%5 == 0 {
						yield(ctx)
					}
					m.Unlock()
				}
			})
		}
		w.wait()
		require.Equal(w.t, 12*n, sum)
		require.Zero(w.t, m.state.Load())
	})
}

func TestOnce(t *testing.T) {
	each(t, func(w *world) {
		var o Once
		var m Mutex
		m.Lock()
		n := 0
		for range 4 {
			w.start(func(ctx context.Context) {
				o.Do(func() {
					m.Lock()
					n++
				})
				w.check(n == 1, "%d", n)
			})
		}
		untilWaiting(&o.done.mu, &o.done.queue, 3)
		m.Unlock()
		w.wait()
		o.Do(func() { n++ })
		require.Equal(w.t, 1, n)

		// The panic of the function goes to its own caller alone. The other callers wait until the
		// function has ended.
		var p Once
		hold := NewChan[int](0)
		w.start(func(ctx context.Context) {
			defer func() { w.check(recover() == "boom", "no panic") }()
			p.Do(func() { _, _, _ = hold.Recv(ctx); panic("boom") })
		})
		untilWaiting(&hold.mu, &hold.recvq, 1)
		for i := range 3 {
			w.start(func(ctx context.Context) { p.Do(func() { w.errorf("called twice") }) })
			untilWaiting(&p.done.mu, &p.done.queue, i+1)
		}
		hold.Close()
	})
	var o Once
	requirePanics(t, "nil function", func() { o.Do(nil) })
	ran := false
	o.Do(func() { ran = true })
	require.True(t, ran, "the nil function does not count")
	o = Once{}
	requirePanics(t, "boom", func() { o.Do(func() { panic("boom") }) })
	o.Do(func() { t.Error("a panic counts as done") })
}

func TestOnceValue(t *testing.T) {
	each(t, func(w *world) {
		n := 0
		get := OnceValues(func() (int, string) {
			n++
			e := new(Event)
			go e.Set()
			e.Wait()
			return 42, "x"
		})
		one := OnceValue(func() int { v, _ := get(); return v })
		do := OnceFunc(func() { one() })
		for i := range 6 {
			w.start(func(ctx context.Context) {
				switch i % 3 {
				case 0:
					v, s := get()
					w.check(v == 42 && s == "x" && n == 1, "%d %s %d", v, s, n)
				case 1:
					w.check(one() == 42 && n == 1, "%d", n)
				default:
					do()
					w.check(n == 1, "%d", n)
				}
			})
		}
	})
	for _, f := range []func(f func()) func(){
		OnceFunc,
		func(f func()) func() { g := OnceValue(func() int { f(); return 0 }); return func() { g() } },
		func(f func()) func() { g := OnceValues(func() (int, int) { f(); return 0, 0 }); return func() { g() } },
	} {
		for _, v := range []any{"boom", errStop} {
			bad := f(func() { panic(v) })
			for range 2 {
				require.Equal(t, v, recovered(bad))
			}
		}
		exits := f(runtime.Goexit)
		done := make(chan struct{})
		go func() { defer close(done); exits() }()
		<-done
		requirePanics(t, "Goexit", exits)
	}
	requirePanics(t, "nil function", func() { OnceFunc(nil) })
	requirePanics(t, "nil function", func() { OnceValue[int](nil) })
	requirePanics(t, "nil function", func() { OnceValues[int, int](nil) })
}
