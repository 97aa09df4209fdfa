package task

import (
	"context"
	"errors"
	"fmt"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Task is a handle of a task: a small value that needs no allocation, and that the program may
// copy, compare, keep indefinitely and use from any goroutine or task. After the task has ended,
// its memory may serve another task. The handle notices that, and keeps reporting Done. The zero
// Task is Done and has no error.
type Task reference

// reference is the type beneath a Task. The alias keeps the name of an internal type out of go doc.
type reference = rt.Handle

func handle(d *rt.Task, gen uint32) Task { return Task(rt.HandleOf(d, gen)) }

func (t Task) record() *rt.Task { return rt.Handle(t).Task() }

// life returns the descriptor's generation in t, which tells t's task from later tasks in the same
// memory.
func (t Task) life() uint32 { return rt.Handle(t).Gen() }

func init() {
	rt.Tasks.Refused = func(err error) rt.Handle { return rt.Handle(refused(err)) }
	rt.Tasks.Extra = func(parent context.Context, opts any) *rt.Extra { return submission(parent, opts.([]Option)) }
}

// State returns what the task is doing now. The state may have changed by the time State returns.
func (t Task) State() State {
	if t.record() == nil {
		return Done
	}
	if s := State(t.record().State()); t.record().Status().Live(t.life()) {
		return s
	}
	return Done
}

// ended is State() == Done, for fewer loads.
func (t Task) ended() bool { return t.record() == nil || !t.record().Status().Live(t.life()) }

// Err returns how the task ended. It is nil while the task has not ended, and also if the function
// returned before the task was cancelled. Otherwise it is
//
//   - a [*PanicError] if the function panicked,
//   - [ErrGoexit] if it called runtime.Goexit (as testing.T.FailNow does),
//   - the cause if the task was cancelled before its function returned: [context.Canceled], the
//     cause that [Task.CancelCause] was given, the cause of the parent context, or [ErrClosed],
//   - [ErrQueueFull] if the task did not run because the scheduler's queue was full.
func (t Task) Err() error {
	if t.record() == nil || t.record().Gen() != t.life() { // the second is for speed
		return nil
	}
	return t.record().Err(t.life(), context.Canceled, ErrClosed)
}

// Cancel asks the task to end. If the task waits under its own Ctx, or under a context derived from
// it, the operation returns [context.Canceled] now. From then on such operations do not wait any
// more, [Ctx.Cancelled] reports true, and the channel of [Ctx.Done] is closed. Other waits go on:
// those that take no context, such as [Task.Wait], and those under other contexts. If the task has
// not started, it never will. Cancel does not wait. It does nothing to a task that has ended. Any
// goroutine or task may call it.
func (t Task) Cancel() { t.CancelCause(nil) }

// CancelCause is Cancel with a cause, which the operations under the task's Ctx, [Task.Err] and
// [Ctx.Cause] return. A nil cause means [context.Canceled]. If the task has been cancelled before,
// its cause does not change.
func (t Task) CancelCause(cause error) {
	point()
	t.cancel(context.Canceled, cause)
}

// cancel is CancelCause. err is what [Ctx.Err] returns from then on.
func (t Task) cancel(err, cause error) { rt.Handle(t).Cancel(err, cause) }

// Ready resumes a task that waits in [Ctx.Park]. If the task is not in Park, its next Park returns
// at once. Any goroutine or task may call Ready. It does not wait, and does nothing to a task that
// has ended. In a task, [Ctx.Ready] is cheaper.
func (t Task) Ready() {
	point()
	d := t.record()
	if d != nil && (d.ReadyWaiting(t.life()) || d.Ready(t.life())) {
		d.Shared().Sched.Inject(d)
	}
}

// Wait waits until t has ended, parking the calling task or blocking the calling goroutine, and
// returns Err. Nothing else ends the wait, not even the cancellation of the calling task. If a task
// waits for t before t has started, t runs next on the caller's worker.
//
// A task that waits for itself gets an error at once. So does a call that the task forked, and a
// function of its [Ctx.Blocking].
func (t Task) Wait() error {
	d, running := rt.CallerNear(t.record())
	if d != nil && !running { // a function of d's Blocking
		return t.WaitContext(background)
	}
	// From here on this is WaitContext, without what it does for other contexts. That would be a
	// tenth of the instructions for a child that is waited for. A goroutine in a program that has
	// been idle would spend 0.3 us on it.
	if running {
		d.Checkpoint()
	}
	switch {
	case t.ended():
		return t.Err()
	case !running:
		return t.block(background)
	}
	c := (*Ctx)(d.Life())
	if _, stolen := d.Fn().(*rt.Frame); (stolen || d == t.record()) && t.awaitsItself(c) {
		return errOwnWait
	}
	return t.join(c, rt.WaitJoin, rt.ForWakeOnly)
}

// WaitContext is [Task.Wait], but it gives up when ctx ends and then returns the cause of ctx.
// Giving up does not affect t. t.WaitContext(c) gives up when the calling task is cancelled. If t
// has already ended, WaitContext returns Err even if ctx has ended too.
func (t Task) WaitContext(ctx context.Context) error { return t.wait(ctx, rt.WaitJoin) }

// wait is WaitContext. reason is what Dump says the wait is for.
func (t Task) wait(ctx context.Context, reason rt.WaitReason) error {
	c, err := enter(ctx)
	if t.ended() {
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
		return t.join(c, reason, rt.ForWake)
	case ctx.Done() == nil:
		return t.join(c, reason, rt.ForWakeOnly)
	}
	var w wait.Waiter
	w.Prepare(ctx, c.record())
	w.Reason, w.End = reason, rt.Handle(t)
	if !w.AwaitEnd() {
		return t.Err()
	}
	if err := w.Wait(); err != nil {
		if t.ended() {
			return t.Err()
		}
		return err
	}
	return t.Err()
}

// enter is the function enter for a wait for t, which may be the zero Task. If ctx never ends, it
// finds the caller by t, which is faster.
func (t Task) enter(ctx context.Context) (*Ctx, error) {
	if t.record() == nil || ctx != background {
		return enter(ctx)
	}
	d, running := rt.CallerNear(t.record())
	if !running {
		return nil, nil
	}
	d.Checkpoint()
	return (*Ctx)(d.Life()), nil
}

var errOwnWait = errors.New("task: a task that waits for itself would wait for ever")

// awaitsItself reports whether the caller, by waiting for t, would wait for itself. A task c would
// if c is t, or a call that another worker stole from t. If c is nil, the caller would if it is a
// function of t's Blocking. t has not ended.
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
		d = f.Forker // the parent waits for the call, or will
	}
	return d != nil
}

// block is WaitContext for a goroutine that is not a task.
func (t Task) block(ctx context.Context) error {
	done := ctx.Done() // may panic, so call it before the waiter is in a list
	shared := t.record().Shared()
	if shared.Sched.Handles() {
		panic("task: Wait or WaitContext called by a handler of the task's scheduler, for which a worker waits: start a task, or a goroutine, that waits")
	}
	w, _ := shared.Waiters.Get().(*rt.Waiter)
	if w == nil {
		w = &rt.Waiter{C: make(chan struct{}, 1), Shared: shared}
	}
	w.Reset()
	if !t.record().Await(w, t.life()) {
		return t.Err() // w may still be in a list, so leave it to the collector
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
	shared.ReadyGoroutines.Add(-1)
	shared.Waiters.Put(w)
	return t.Err()
}

// join is wait for the running task c, under c's own context. If k is ForWakeOnly, only the end of
// t ends the wait. t is not c, and t had not ended when the caller looked.
func (t Task) join(c *Ctx, reason rt.WaitReason, k rt.Park) error {
	d := c.record()
	h := d.Host()
	w := d.Worker().NewWaiter(d)
	if !t.record().Await(w, t.life()) {
		return t.Err()
	}
	h.ParkFor(d, reason.Park(k), t.record(), t.life())
	if !d.Woken() { // c was cancelled
		if k == rt.ForWake && w.Abandon() {
			if t.ended() {
				return t.Err()
			}
			return c.Cause()
		}
		// t ended at the same time, and the worker that ended t is about to wake c.
		d.AwaitWakeFor(reason)
	}
	d.Worker().KeepWaiter(w)
	return t.Err()
}

// Name returns the name that the option [Name] gave the task, or "". It stays right for as long as
// the handle is kept, even after the task's end.
func (t Task) Name() string {
	if t.record() == nil {
		return ""
	}
	return t.record().Name(t.life())
}

// String returns the task's name and state. A task without a name shows its address instead, as the
// scheduler's Dump does. After the task's end, another task may have the same address.
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

// refused returns a handle of a task that the scheduler did not accept because of err. The handle
// is Done, and its Err is err.
func refused(err error) Task {
	switch err {
	case ErrClosed:
		return closedTask
	case ErrQueueFull:
		return fullTask
	}
	return refusedBy(rt.Custom, err)
}

func refusedBy(kind rt.Cause, cause error) Task {
	d := &rt.Task{}
	d.Start(nil, nil)
	t := handle(d, d.Gen())
	if cause != nil {
		d.SetCause(t.life(), cause, false)
	}
	d.Cancel(t.life(), kind)
	d.Finish(rt.Skipped)
	return t
}
