package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddle-go/heddle/internal/rt"
)

// Task is a handle of a task: a small value that costs no allocation and can be copied,
// compared, kept for as long as one likes and used from anywhere. The descriptor behind it
// may serve another task after this one has ended; the handle knows, and goes on
// reporting Done. The zero Task is Done with no error.
type Task struct {
	d   *rt.Desc
	gen uint32
}

// State returns what the task is doing at this moment.
func (t Task) State() State {
	if t.d == nil {
		return Done
	}
	if s := State(t.d.State()); t.d.Status().Live(t.gen) {
		return s
	}
	return Done
}

// Err returns how the task ended. It is nil while the task has not ended, and when
// its function returned without the task having been cancelled; otherwise it is
//
//   - a [*PanicError] if the function panicked,
//   - [ErrGoexit] if it called runtime.Goexit (as testing.T.FailNow does),
//   - the cause if the task was cancelled before its function returned: [context.Canceled],
//     the cause of the parent context, or [ErrClosed],
//   - [ErrQueueFull] if it did not run since the scheduler's queue was full.
func (t Task) Err() error {
	if t.d == nil {
		return nil
	}
	return t.d.Err(t.gen, context.Canceled, ErrClosed)
}

// Cancel asks the task to end. If it is parked in an operation that returns an
// error, that returns [context.Canceled] now; such operations do not park any
// more; [Ctx.Cancelled] reports true and the channel of [Ctx.Done] is closed. A task
// that has not started never will. Cancel does not wait, and does nothing to a task
// that has ended.
func (t Task) Cancel() { t.CancelCause(nil) }

// CancelCause is Cancel with a cause, which the operations return, and [Task.Err] and [Ctx.Cause] report. A
// nil cause means [context.Canceled]. The first cancellation sets the cause.
func (t Task) CancelCause(cause error) { t.cancel(context.Canceled, cause) }

// CancelWith is CancelCause for a context that has ended with err and cause, but for the queue: it reports whether the caller
// has to queue the task, which this has woken. It is for package scheduler.
func CancelWith(t Task, err, cause error) (queue bool) {
	if !t.d.Status().Live(t.gen) {
		return false
	}
	why := rt.Default
	if expired := rt.Expired(err); expired || cause != nil && cause != context.Canceled {
		why = rt.Custom
		if cause == nil {
			cause = err
		}
		if !t.d.SetCause(t.gen, cause, expired) {
			return false
		}
	}
	did, queue := t.d.Cancel(t.gen, why)
	if !did {
		return false
	}
	if x := t.d.Ext(); x != nil {
		x.CloseDone()
		t.d.CancelKids()
	}
	return queue
}

// cancel is CancelCause with what Err of the Ctx is to return.
func (t Task) cancel(err, cause error) {
	if t.d != nil && CancelWith(t, err, cause) {
		t.d.Home().Sched.Inject(t.d)
	}
}

// Ready lets a task that is in [Ctx.Park] go on, or the next Park return at once. It
// may be called from anywhere, does not wait, and does nothing to a task that has ended.
// From a task, [Ctx.Ready] is cheaper.
func (t Task) Ready() {
	if t.d != nil && t.d.Ready(t.gen) {
		t.d.Home().Sched.Inject(t.d)
	}
}

// Wait blocks the calling goroutine until the task has ended and returns Err. It is for
// ordinary goroutines: on a task it would hold the worker that the other one
// may need, so it panics there if it would have to block. Tasks use [Task.Join].
func (t Task) Wait() error { return t.WaitContext(context.Background()) }

// WaitContext is Wait that gives up when ctx ends, and then returns its cause.
// The task is not affected. It too blocks the calling goroutine, and panics on a task where it would have to: ctx says how long to wait, not who
// waits.
func (t Task) WaitContext(ctx context.Context) error {
	if ctx == nil {
		panic("task: WaitContext with a nil context: use Wait, or context.Background()")
	}
	if t.State() == Done {
		return t.Err()
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	done := ctx.Done() // before the wait is known, because it may panic
	home := t.d.Home()
	if home.Sched.OnTask() {
		panic("task: Wait or WaitContext called from inside a task, where it would hold the worker: use t.Join(c)")
	}
	w, _ := home.Waiters.Get().(*rt.Waiter)
	if w == nil {
		w = &rt.Waiter{C: make(chan struct{}, 1), Home: home}
	}
	w.Reset()
	if !t.d.Await(w, t.gen) {
		return t.Err() // w may still stand in a list; leave it to the collector
	}
	if done == nil {
		<-w.C
	} else {
		select {
		case <-w.C:
		case <-done:
			if w.Abandon() {
				return context.Cause(ctx)
			}
			<-w.C
		}
	}
	home.Owed.Add(-1)
	home.Waiters.Put(w)
	return t.Err()
}

// Join parks the calling task, c, until t has ended, and returns t's Err. If c is
// cancelled first, it returns c's cause; t is not affected. If t has not begun, it runs next on this worker, on a stack of its
// own. A task that is cancelled and has to wait for others nevertheless uses a [Group] or a
// [Future], and [context.WithoutCancel](c). A task that joins itself
// gets an error at once.
func (t Task) Join(c *Ctx) error {
	if c == nil {
		panic("task: Join with a nil Ctx: pass the c of the calling task; a goroutine uses t.Wait")
	}
	return t.join(c, rt.WaitJoin)
}

// join is Join. why is what Dump is to show.
func (t Task) join(c *Ctx, why rt.Why) error {
	h := c.host()
	if t.State() == Done {
		return t.Err()
	}
	d := c.desc()
	if t.d == d {
		return errors.New("task: Join of a task by itself would wait for ever")
	}
	if err := c.Cause(); err != nil {
		return err
	}
	w := d.Worker().NewWaiter(d)
	if !t.d.Await(w, t.gen) {
		return t.Err()
	}
	h.ParkFor(d, why.Park(rt.ForWake), t.d, t.gen)
	if !d.Woken() { // cancelled, then
		if w.Abandon() {
			if t.State() == Done {
				return t.Err()
			}
			return c.Cause()
		}
		// t ended at the same time, and its wake-up is on its way to us.
		d.AwaitWakeFor(why)
	}
	d.Worker().KeepWaiter(w)
	return t.Err()
}

// Name returns the name that the task was given with the option [Name], or "". It is right for as long as the handle is
// kept, after the task's end too.
func (t Task) Name() string {
	if t.d == nil {
		return ""
	}
	return t.d.Name(t.gen)
}

// String returns name and state. A task without a name shows its address instead, the one that a scheduler's Dump shows; another
// task may have it once this one has ended.
func (t Task) String() string {
	if n := t.Name(); n != "" {
		return fmt.Sprintf("task %q (%v)", n, t.State())
	}
	if t.d == nil {
		return "task (done)"
	}
	return fmt.Sprintf("task (%p) (%v)", t.d, t.State())
}

// Closed returns a handle of a task that was not accepted, since its scheduler was
// closed: it is Done and its Err is [ErrClosed].
func Closed() Task { return closedTask }

var (
	closedTask = refused(rt.Closed, nil)
	fullTask   = refused(rt.Custom, ErrQueueFull)
)

// Refused returns a handle of a task that was not accepted for the reason err: it is Done and its Err is
// err. It is for package scheduler.
func Refused(err error) Task {
	switch err {
	case ErrClosed:
		return closedTask
	case ErrQueueFull:
		return fullTask
	}
	return refused(rt.Custom, err)
}

func refused(why rt.Cause, cause error) Task {
	d := &rt.Desc{}
	d.Start(nil, nil)
	t := Task{d, d.Gen()}
	if cause != nil {
		d.SetCause(t.gen, cause, false)
	}
	d.Cancel(t.gen, why)
	d.Finish(rt.Skipped)
	return t
}
