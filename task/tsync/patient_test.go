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

// An innerWait is a wait that user code makes inside of another wait of the same task, such as a
// method of a context that waits for a lock. At the nth call since the outer wait has begun, it
// brings about the event of the outer wait, and waits for an event of its own.
type innerWait struct {
	begun   func() bool
	left    atomic.Int64 // calls that do not wait yet; negative from the call on that waits
	give    func()
	entered atomic.Bool
	set     atomic.Bool
	e       Event
	early   bool // the inner wait has ended before its event; read after the outer wait
}

func (x *innerWait) call() {
	if !x.begun() || x.left.Add(-1) != -1 {
		return
	}
	x.give()
	x.entered.Store(true)
	x.e.Wait()
	x.early = !x.set.Load()
}

// finish ends the inner wait, once the test has given an early wake-up the time to do harm.
func (x *innerWait) finish() {
	for range 5 {
		yield(bg)
	}
	x.set.Store(true)
	x.e.Set()
}

// A patientCtx is a user's context of which one method waits.
type patientCtx struct {
	context.Context
	method string
	inner  *innerWait
}

func (x *patientCtx) call(method string) {
	if method == x.method {
		x.inner.call()
	}
}

func (x *patientCtx) Done() <-chan struct{} { x.call("Done"); return x.Context.Done() }
func (x *patientCtx) Err() error            { x.call("Err"); return x.Context.Err() }
func (x *patientCtx) Value(key any) any     { x.call("Value"); return x.Context.Value(key) }

// TestContextThatWaits lets the event of each wait come while a method of the context waits for
// something else, at each call of each method. The event must not end that other wait.
func TestContextThatWaits(t *testing.T) {
	for name, fresh := range waitables {
		t.Run(name, func(t *testing.T) {
			eachOf(t, []int{1, 2}, []flavour{tasks, goroutines}, func(w *world) {
				for _, method := range []string{"Done", "Err", "Value"} {
					for n := range 20 {
						op := fresh()
						x := &patientCtx{method: method, inner: &innerWait{begun: op.waits, give: op.give}}
						x.inner.left.Store(int64(n))
						var result error
						var d atomic.Pointer[rt.Task] // of the waiting task
						u := w.start(func(ctx context.Context) {
							if c, ok := ctx.(*task.Ctx); ok {
								d.Store((*rt.Life)(c).Task())
							}
							x.Context = ctx
							result = op.wait(x)
						})
						parked := func() bool {
							return op.waits() && (w.f == goroutines || d.Load().State() == rt.Waiting)
						}
						testkit.Spin(func() bool { return x.inner.entered.Load() || closed(u.done) || parked() })
						if !x.inner.entered.Load() {
							u.cancel(errStop) // more calls may come
						}
						testkit.Spin(func() bool { return x.inner.entered.Load() || closed(u.done) })
						if !x.inner.entered.Load() {
							break // the operation calls the method fewer times
						}
						x.inner.finish()
						<-u.done
						require.False(w.t, x.inner.early, "%s %d: the event ended another wait", method, n)
						if op.after != nil {
							op.after(w.t, result)
						}
					}
				}
			})
		})
	}
}

func closed(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// A patientLock is a user's lock of which Unlock waits.
type patientLock struct {
	Mutex
	inner *innerWait
}

func (l *patientLock) Unlock() {
	l.Mutex.Unlock()
	l.inner.call()
}

// TestCondOfALockThatWaits lets a Signal come while Unlock, which Wait calls, waits for something
// else.
func TestCondOfALockThatWaits(t *testing.T) {
	each(t, func(w *world) {
		for _, wait := range []func(d *Cond, ctx context.Context) error{
			(*Cond).WaitContext,
			func(d *Cond, ctx context.Context) error { return d.WaitContext(context.WithValue(ctx, w, w)) },
			func(d *Cond, _ context.Context) error { d.Wait(); return nil },
		} {
			l := &patientLock{}
			d := NewCond(l)
			l.inner = &innerWait{begun: func() bool { return length(&d.mu, &d.queue) == 1 }, give: d.Signal}
			var result error
			u := w.start(func(ctx context.Context) {
				l.Lock()
				result = wait(d, ctx)
				l.Mutex.Unlock()
			})
			testkit.Spin(l.inner.entered.Load)
			l.inner.finish()
			<-u.done
			require.NoError(w.t, result)
			require.False(w.t, l.inner.early, "the Signal ended another wait")
			require.Zero(w.t, length(&d.mu, &d.queue))
		}
	})
}
