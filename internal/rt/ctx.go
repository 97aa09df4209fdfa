package rt

import (
	"context"
	"unsafe"
)

// This file implements what task.Ctx does as a context.Context. Package task declares the type, but
// a Ctx has the layout of a Life, and its state is in the descriptor.

// words is the memory layout of a context.Context.
type words struct {
	tab  unsafe.Pointer // identifies the dynamic type
	data unsafe.Pointer // the value, if the dynamic type is a pointer
}

func wordsOf(ctx *context.Context) *words { return (*words)(unsafe.Pointer(ctx)) }

// ctxTab is the first word of a context.Context that holds a *task.Ctx.
var ctxTab unsafe.Pointer

// KnowCtx tells OfCtx the type task.Ctx; ctx is any *task.Ctx. Package task calls it while its
// variables are initialised, before any task can wait.
func KnowCtx(ctx context.Context) { ctxTab = wordsOf(&ctx).tab }

// OfCtx returns ctx as a Life if ctx is a task's Ctx. It returns nil for any other context, also
// for one that was derived from a Ctx or that embeds one.
//
// OfCtx is a type assertion to a type that rt cannot name. It compares the first of the interface's
// two words; == compares both, because the runtime has one such first word for each type. The
// alternative, a function of package task called through a variable, costs nearly 2 ns more
// (BenchmarkOfCtx), and each wait asks at least once. OfCtx needs the two words in memory, so where
// nothing waits, a type assertion in package task is faster still.
func OfCtx(ctx context.Context) *Life {
	if w := wordsOf(&ctx); w.tab == ctxTab {
		return (*Life)(w.data)
	}
	return nil
}

// EachParent calls f with each context that the task of x is under until f returns false: first
// those of the submission's options, the last option first, then Owner. x may be nil.
func (x *Extra) EachParent(f func(p context.Context) bool) {
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

// CtxErr is task.Ctx.Err, except that it does not note that the Ctx is used as a context.
func (c *Life) CtxErr() error {
	d := c.Task()
	s := d.Status()
	if s.gen() != c.Gen() {
		return context.Canceled
	}
	if !s.Cancelled() {
		if !s.InUse() {
			return context.Canceled
		}
		if !c.Follow() {
			return nil
		}
	}
	return d.CancelErr() // a life that was cancelled is the descriptor's last
}

// CtxCause implements task.Ctx.Cause.
func (c *Life) CtxCause() error {
	if c.CtxErr() == nil {
		return nil
	}
	d := c.Task()
	if s := d.Status(); s.gen() == c.Gen() && s.Cancelled() { // then c is the descriptor's last life
		return d.Cause(context.Canceled, ErrClosed)
	}
	return context.Canceled // the task has ended
}

// CtxCause is Life.CtxCause of the running task d.
func (d *Task) CtxCause() error { return d.Life().CtxCause() }

// Follow cancels the task if a context that it is under has ended, and reports whether one has.
// Without Follow the caller would learn of the end only from the goroutine that passes it on to the
// task, which may run later. If a method of a user's context panics, Follow treats that context as
// not ended, because its callers hold resources that a panic would not release.
func (c *Life) Follow() (ended bool) {
	x := c.Extra()
	return x.HasContext() && c.follow(x)
}

func (c *Life) follow(x *Extra) (ended bool) {
	defer func() { _ = recover() }()
	x.EachParent(func(p context.Context) bool {
		var err, cause error
		if above := OfCtx(p); above != nil {
			if err = above.CtxErr(); err != nil {
				cause = above.CtxCause()
			}
		} else if err = p.Err(); err != nil {
			cause = context.Cause(p)
		}
		if ended = err != nil; ended {
			HandleOf(c.Task(), c.Gen()).Cancel(err, cause)
		}
		return !ended
	})
	return ended
}

// CancelFor cancels the task because a context ended with err and cause. If cause is nil, err is
// the cause. CancelFor does nothing if the task has ended. It reports whether the caller has to
// queue the task.
func (h Handle) CancelFor(err, cause error) (queue bool) {
	did, queue := h.setCancelled(err, cause)
	if !did {
		return false
	}
	if x := h.d.Extra(); x != nil {
		x.CloseDone()
		h.d.CancelStolen()
	}
	return queue
}

// setCancelled is the part of CancelFor that only changes the task's status. did reports whether
// this call has cancelled the task.
func (h Handle) setCancelled(err, cause error) (did, queue bool) {
	d := h.d
	if !d.Status().Live(h.gen) {
		return false, false
	}
	kind := Default
	if expired := Expired(err); expired || cause != nil && cause != context.Canceled {
		kind = Custom
		if cause == nil {
			cause = err
		}
		if !d.SetCause(h.gen, cause, expired) {
			return false, false
		}
	}
	return d.Cancel(h.gen, kind)
}

// Cancel is CancelFor, and also queues the task if needed. h may be the zero Handle.
func (h Handle) Cancel(err, cause error) {
	if h.d != nil && h.CancelFor(err, cause) {
		h.d.Shared().Sched.Inject(h.d)
	}
}
