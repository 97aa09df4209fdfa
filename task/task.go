package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Task is a handle of a task: a small value that costs no allocation and can be copied,
// compared, kept for as long as one likes and used from anywhere. The descriptor behind it
// may serve another task after this one has ended; the handle knows, and goes on
// reporting Done. The zero Task is Done with no error.
type Task rt.Handle

func handle(d *rt.Task, gen uint32) Task { return Task(rt.HandleOf(d, gen)) }

func (t Task) record() *rt.Task { return rt.Handle(t).Task() }

// life is the generation of the descriptor.
func (t Task) life() uint32 { return rt.Handle(t).Gen() }

func init() {
	rt.Tasks.Refused = func(err error) rt.Handle { return rt.Handle(refused(err)) }
	rt.Tasks.Extra = func(parent context.Context, opts any) *rt.Extra { return submission(parent, opts.([]Option)) }
}

// State returns what the task is doing at this moment.
func (t Task) State() State {
	if t.record() == nil {
		return Done
	}
	if s := State(t.record().State()); t.record().Status().Live(t.life()) {
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
	if t.record() == nil {
		return nil
	}
	return t.record().Err(t.life(), context.Canceled, ErrClosed)
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

// cancel is CancelCause with what Err of the Ctx is to return.
func (t Task) cancel(err, cause error) { rt.Handle(t).Cancel(err, cause) }

// Ready lets a task that is in [Ctx.Park] go on, or the next Park return at once. It
// may be called from anywhere, does not wait, and does nothing to a task that has ended.
// From a task, [Ctx.Ready] is cheaper.
func (t Task) Ready() {
	if t.record() != nil && t.record().Ready(t.life()) {
		t.record().Shared().Sched.Inject(t.record())
	}
}

// Wait waits until t has ended, parking the calling task or blocking the calling goroutine, and
// returns Err. Nothing else ends the wait, not even the cancellation of the task that waits. If a
// task waits for one that has not begun, that runs next on this worker. A task that waits for itself
// gets an error at once, in a call that it has forked too, and in a function of its [Ctx.Blocking] if that runs on the spot.
func (t Task) Wait() error { return t.WaitContext(background) }

// WaitContext is [Task.Wait] that gives up when ctx ends, and then returns its cause; t is not
// affected. t.WaitContext(c) ends with the cancellation of the calling task. If t has ended already,
// WaitContext returns Err even if ctx has ended.
func (t Task) WaitContext(ctx context.Context) error { return t.wait(ctx, rt.WaitJoin) }

// wait is WaitContext. why is what Dump is to show.
func (t Task) wait(ctx context.Context, why rt.WaitReason) error {
	c, err := enter(ctx)
	if t.State() == Done {
		return t.Err()
	}
	if err != nil {
		return err
	}
	switch {
	case c == nil:
		if t.awaitsItself(nil) {
			return errOwnWait
		}
		return t.block(ctx)
	case t.awaitsItself(c):
		return errOwnWait
	case ctx == context.Context(c):
		return t.join(c, why, rt.ForWake)
	case ctx.Done() == nil:
		return t.join(c, why, rt.ForWakeOnly)
	}
	var w wait.Waiter
	w.Prepare(ctx, c.record())
	w.Reason, w.End = why, rt.Handle(t)
	if !w.AwaitEnd() {
		return t.Err()
	}
	if err := w.Wait(); err != nil {
		if t.State() == Done {
			return t.Err()
		}
		return err
	}
	return t.Err()
}

var errOwnWait = errors.New("task: a task that waits for itself would wait for ever")

// awaitsItself reports whether a wait for t by the caller would be one for the caller itself: the running task c, or a call that another
// worker has stolen from it, or if c is nil, the function of a blocking call on its own stack. t has not ended.
func (t Task) awaitsItself(c *Ctx) bool {
	d := c.record()
	if d == nil {
		d = rt.Inside()
	}
	for d != nil && d != t.record() {
		f, stolen := d.Fn().(*rt.Frame)
		if !stolen {
			return false
		}
		d = f.Parent // which waits for the call, or will
	}
	return d != nil
}

// block is WaitContext by an ordinary goroutine.
func (t Task) block(ctx context.Context) error {
	done := ctx.Done() // before the wait is known, because it may panic
	home := t.record().Shared()
	if home.Sched.Handles() {
		panic("task: Wait or WaitContext called by a handler of the task's scheduler, for which a worker waits: start a task, or a goroutine, that waits")
	}
	w, _ := home.Waiters.Get().(*rt.Waiter)
	if w == nil {
		w = &rt.Waiter{C: make(chan struct{}, 1), Shared: home}
	}
	w.Reset()
	if !t.record().Await(w, t.life()) {
		return t.Err() // w may still stand in a list; leave it to the collector
	}
	if done == nil {
		<-w.C
	} else {
		select {
		case <-w.C:
		case <-done:
			if w.Abandon() {
				return wait.CauseOf(ctx)
			}
			<-w.C
		}
	}
	home.ReadyGoroutines.Add(-1)
	home.Waiters.Put(w)
	return t.Err()
}

// join is wait by the task c under its own context, or with ForWakeOnly to the end. t is not c, and had not ended.
func (t Task) join(c *Ctx, why rt.WaitReason, k rt.Park) error {
	d := c.record()
	h := d.Host()
	w := d.Worker().NewWaiter(d)
	if !t.record().Await(w, t.life()) {
		return t.Err()
	}
	h.ParkFor(d, why.Park(k), t.record(), t.life())
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
	if t.record() == nil {
		return ""
	}
	return t.record().Name(t.life())
}

// String returns name and state. A task without a name shows its address instead, the one that a scheduler's Dump shows; another
// task may have it once this one has ended.
func (t Task) String() string {
	if n := t.Name(); n != "" {
		return fmt.Sprintf("task %q (%v)", n, t.State())
	}
	if t.record() == nil {
		return "task (done)"
	}
	return fmt.Sprintf("task (%p) (%v)", t.record(), t.State())
}

var (
	closedTask = refusedBy(rt.Closed, nil)
	fullTask   = refusedBy(rt.Custom, ErrQueueFull)
)

// refused returns a handle of a task that was not accepted for the reason err: it is Done and its Err is
// err.
func refused(err error) Task {
	switch err {
	case ErrClosed:
		return closedTask
	case ErrQueueFull:
		return fullTask
	}
	return refusedBy(rt.Custom, err)
}

func refusedBy(why rt.Cause, cause error) Task {
	d := &rt.Task{}
	d.Start(nil, nil)
	t := handle(d, d.Gen())
	if cause != nil {
		d.SetCause(t.life(), cause, false)
	}
	d.Cancel(t.life(), why)
	d.Finish(rt.Skipped)
	return t
}
