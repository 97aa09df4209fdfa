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

// Wait waits until t has ended, parking the calling task or blocking the calling goroutine, and
// returns Err. Nothing else ends the wait, not even the cancellation of the task that waits. If a
// task waits for one that has not begun, that runs next on this worker. A task that waits for itself
// gets an error at once.
func (t Task) Wait() error { return t.WaitContext(background) }

// WaitContext is [Task.Wait] that gives up when ctx ends, and then returns its cause; t is not
// affected. t.WaitContext(c) ends with the cancellation of the calling task. If t has ended already,
// WaitContext returns Err even if ctx has ended.
func (t Task) WaitContext(ctx context.Context) error { return t.wait(ctx, rt.WaitJoin) }

// wait is WaitContext. why is what Dump is to show.
func (t Task) wait(ctx context.Context, why rt.Why) error {
	c, err := Enter(ctx)
	if t.State() == Done {
		return t.Err()
	}
	if err != nil {
		return err
	}
	switch {
	case c == nil:
		return t.block(ctx)
	case t.d == c.desc():
		return errors.New("task: a task that waits for itself would wait for ever")
	case ctx == context.Context(c):
		return t.join(c, why, rt.ForWake)
	case ctx.Done() == nil:
		return t.join(c, why, rt.ForWakeOnly)
	}
	w := &endWait{}
	w.Prepare(ctx, c)
	w.Why, w.end = why, t
	if !t.d.Await(&w.w, t.gen) {
		return t.Err()
	}
	if err := w.WaitIn(w); err != nil {
		if t.State() == Done {
			return t.Err()
		}
		return err
	}
	return t.Err()
}

// An endWait is the wait of a task for the end of another under a context that is not its own.
type endWait struct{ Waiter }

// Withdraw implements Withdrawer.
func (w *endWait) Withdraw() bool { return w.w.Abandon() }

// block is WaitContext by an ordinary goroutine.
func (t Task) block(ctx context.Context) error {
	done := ctx.Done() // before the wait is known, because it may panic
	home := t.d.Home()
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

// join is wait by the task c under its own context, or with ForWakeOnly to the end. t is not c, and had not ended.
func (t Task) join(c *Ctx, why rt.Why, k rt.Park) error {
	d := c.desc()
	h := d.Host()
	w := d.Worker().NewWaiter(d)
	if !t.d.Await(w, t.gen) {
		return t.Err()
	}
	h.ParkFor(d, why.Park(k), t.d, t.gen)
	if !d.Woken() { // cancelled, then
		if k == rt.ForWake && w.Abandon() {
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
