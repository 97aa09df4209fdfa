package tsync

import (
	"context"
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
						d := (*rt.Life)(c).Task()
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
