package rt

import (
	"context"
	"unsafe"
)

// A task's Ctx, as a context. The type task.Ctx belongs to package task, but a Ctx is a *Task and its state is the descriptor's.

// words is a context.Context in memory.
type words struct {
	tab  unsafe.Pointer // says which type it holds
	data unsafe.Pointer // the value, if the type is a pointer
}

func wordsOf(ctx *context.Context) *words { return (*words)(unsafe.Pointer(ctx)) }

// ctxTab is the first word of a context.Context that holds a *task.Ctx.
var ctxTab unsafe.Pointer

// KnowCtx tells OfCtx which type task.Ctx is: ctx is any *task.Ctx. Package task calls it while its variables are initialised, so
// before anything can wait.
func KnowCtx(ctx context.Context) { ctxTab = wordsOf(&ctx).tab }

// OfCtx returns the task whose Ctx ctx is, or nil if ctx is another context; also one that was derived from a Ctx, or has one
// embedded.
//
// It is a type assertion to a type that rt cannot name. A function of package task that does it, called through a variable, costs
// nearly 2 ns more (BenchmarkOfCtx), and each wait asks at least once. As with ==, which compares the same two words, the runtime has
// one first word for each type. The words have to be in memory, so where nothing waits a type assertion is faster still.
func OfCtx(ctx context.Context) *Task {
	if w := wordsOf(&ctx); w.tab == ctxTab {
		return (*Task)(w.data)
	}
	return nil
}

// EachParent calls f with the contexts that the task is under until f returns false: those of the submission's options,
// the last one first, and then that of which the task is a part.
func (d *Task) EachParent(f func(p context.Context) bool) {
	x := d.Extra()
	if x == nil {
		return
	}
	for u := x.Parents; u != nil; u = u.Next {
		if !f(u.Context) {
			return
		}
	}
	if x.Owner != nil {
		f(x.Owner)
	}
}

// CtxErr is task.Ctx.Err without the note that the Ctx is used as a context.
func (d *Task) CtxErr() error {
	if s := d.Status(); !s.Cancelled() {
		if !s.InUse() {
			return context.Canceled
		}
		if d.Extra() == nil || !d.Follow() {
			return nil
		}
	}
	return d.CancelErr()
}

// CtxCause is task.Ctx.Cause.
func (d *Task) CtxCause() error {
	if d.CtxErr() == nil {
		return nil
	}
	if cause := d.Cause(context.Canceled, ErrClosed); cause != nil {
		return cause
	}
	return context.Canceled // it has ended
}

// Follow cancels the task if a context that it is under has ended, and reports whether one has. The cancellation that
// follows the context's end comes on a goroutine; so the caller does not depend on when that runs. A user's context that
// panics counts as one that has not ended, because the callers hold things that a panic would leave behind.
func (d *Task) Follow() (ended bool) {
	defer func() { _ = recover() }()
	d.EachParent(func(p context.Context) bool {
		var err, cause error
		if above := OfCtx(p); above != nil {
			if err = above.CtxErr(); err != nil {
				cause = above.CtxCause()
			}
		} else if err = p.Err(); err != nil {
			cause = context.Cause(p)
		}
		if ended = err != nil; ended {
			HandleOf(d, d.Gen()).Cancel(err, cause)
		}
		return !ended
	})
	return ended
}

// CancelFor cancels the task, if it has not ended, for a context that has ended with err and cause, but for the queue: it reports
// whether the caller has to queue the task, which this has woken. A nil cause stands for err.
func (h Handle) CancelFor(err, cause error) (queue bool) {
	d := h.d
	if !d.Status().Live(h.gen) {
		return false
	}
	why := Default
	if expired := Expired(err); expired || cause != nil && cause != context.Canceled {
		why = Custom
		if cause == nil {
			cause = err
		}
		if !d.SetCause(h.gen, cause, expired) {
			return false
		}
	}
	did, queue := d.Cancel(h.gen, why)
	if !did {
		return false
	}
	if x := d.Extra(); x != nil {
		x.CloseDone()
		d.CancelKids()
	}
	return queue
}

// Cancel is CancelFor, and queues the task. h may be the zero Handle.
func (h Handle) Cancel(err, cause error) {
	if h.d != nil && h.CancelFor(err, cause) {
		h.d.Shared().Sched.Inject(h.d)
	}
}
