package rt

import (
	"context"
	"unsafe"
)

// This file implements what task.Ctx does as a context.Context. Package task declares the type, but
// its state is in the descriptor: see [Ctx].

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

// OfCtx returns ctx if it is the Ctx of a task. It returns nil for any other context, also for one
// that was derived from a Ctx or that embeds one.
//
// OfCtx is a type assertion to a type that rt cannot name. It compares the first of the interface's
// two words; == compares both, because the runtime has one such first word for each type. The
// alternative, a function of package task called through a variable, costs nearly 2 ns more
// (BenchmarkOfCtx), and each wait asks at least once. OfCtx needs the two words in memory, so where
// nothing waits, a type assertion in package task is faster still.
func OfCtx(ctx context.Context) *Ctx {
	if w := wordsOf(&ctx); w.tab == ctxTab {
		return (*Ctx)(w.data)
	}
	return nil
}

// Owns reports whether ctx is the Ctx of d's present life.
func (d *Task) Owns(ctx context.Context) bool { return OfCtx(ctx) == d.Ctx() }

// EachParent calls f with each context that the task is under until f returns false: first those of
// the submission's options, the last option first, then Extra.Owner.
func (c *Ctx) EachParent(f func(p context.Context) bool) {
	if x := c.Extra(); x != nil {
		x.eachParent(f)
	}
}

// Extra returns the extension of c's task, or nil. Other parties may have to keep the life first:
// see extraOf.
func (c *Ctx) Extra() *Extra { return c.Task().extraOf(c.Life()) }

func (x *Extra) eachParent(f func(p context.Context) bool) {
	for u := x.Parents; u != nil; u = u.Next {
		if !f(u.Context) {
			return
		}
	}
	if x.Owner != nil {
		f(x.Owner)
	}
}

// Err implements task.Ctx.Err.
func (c *Ctx) Err() error { return c.Task().errOf(c.Life()) }

// Cause implements task.Ctx.Cause.
func (c *Ctx) Cause() error { return c.Task().causeOf(c.Life()) }

// CtxCause is Ctx.Cause for the present life. Only the running task may call it.
func (d *Task) CtxCause() error { return d.causeOf(d.Gen()) }

func (d *Task) errOf(gen uint32) error {
	s := d.Status()
	if s.Live(gen) && !s.Cancelled() {
		if d.extra.Load() == nil || !d.follow(gen) {
			return nil
		}
		s = d.Status()
	}
	if s.gen() == gen && s.Cancelled() {
		return d.CancelErr() // a cancelled life keeps its descriptor
	}
	return context.Canceled // the task has ended
}

func (d *Task) causeOf(gen uint32) error {
	if d.errOf(gen) == nil {
		return nil
	}
	if s := d.Status(); s.gen() == gen {
		// If the life is cancelled, it keeps its descriptor. Otherwise it has just ended, and
		// causeIn returns nil.
		if cause := d.causeIn(s, context.Canceled, ErrClosed); cause != nil {
			return cause
		}
	}
	return context.Canceled // the task has ended
}

// Follow cancels c's task if a context that it is under has ended, and reports whether one has.
// Without Follow the caller would learn of the end only from the goroutine that passes it on to the
// task, which may run later. If a method of a user's context panics, Follow treats that context as
// not ended, because its callers hold resources that a panic would not release.
func (c *Ctx) Follow() (ended bool) { return c.Task().follow(c.Life()) }

func (d *Task) follow(gen uint32) (ended bool) {
	x := d.extraOf(gen)
	if x == nil {
		return false
	}
	defer func() { _ = recover() }()
	x.eachParent(func(p context.Context) bool {
		var err, cause error
		if above := OfCtx(p); above != nil {
			if err = above.Err(); err != nil {
				cause = above.Cause()
			}
		} else if err = p.Err(); err != nil {
			cause = context.Cause(p)
		}
		if ended = err != nil; ended {
			HandleOf(d, gen).Cancel(err, cause)
		}
		return !ended
	})
	return ended
}

// CancelFor cancels the task because a context ended with err and cause. If cause is nil, err is
// the cause. CancelFor does nothing if the task has ended. It reports whether the caller has to
// queue the task.
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
		d.CancelStolen()
	}
	return queue
}

// Cancel is CancelFor, and also queues the task if needed. h may be the zero Handle.
func (h Handle) Cancel(err, cause error) {
	if h.d != nil && h.CancelFor(err, cause) {
		h.d.Shared().Sched.Inject(h.d)
	}
}
