package rt

import (
	"context"
	"time"
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

// ctxTab is the first word of a context.Context that holds a *task.Ctx, and timedTab that of one
// that holds the type of task.WithTimeout's contexts.
var ctxTab, timedTab unsafe.Pointer

// KnowCtx tells OfCtx the type task.Ctx; ctx is any *task.Ctx, and timed is any context of
// task.WithTimeout. Package task calls KnowCtx while its variables are initialised, before any task
// can wait.
func KnowCtx(ctx, timed context.Context) {
	ctxTab, timedTab = wordsOf(&ctx).tab, wordsOf(&timed).tab
}

// isOurs reports whether tab is the first word of a context of package task.
func isOurs(tab uintptr) bool { return tab == uintptr(ctxTab) || tab == uintptr(timedTab) }

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

// IsBackground reports whether ctx is context.Background(). It compares only the first word,
// because == would call a function of the runtime, and each wait that only its event ends makes
// this comparison.
func IsBackground(ctx *context.Context) bool { return wordsOf(ctx).tab == backgroundTab }

var backgroundTab = func() unsafe.Pointer {
	ctx := context.Background()
	return wordsOf(&ctx).tab
}()

// IsStd reports whether ctx is one that package context makes with a cancel function or a deadline.
// Done, Err and the Value for StdKey of such a context, and context.Cause of it, neither panic nor
// wait, because they ask no context above it.
func IsStd(ctx *context.Context) bool {
	tab := wordsOf(ctx).tab
	return tab == cancelTab || tab == timerTab
}

var cancelTab, timerTab = func() (cancels, times unsafe.Pointer) {
	a, end := context.WithCancel(context.Background())
	end()
	b, end := context.WithTimeout(context.Background(), time.Hour)
	end()
	return wordsOf(&a).tab, wordsOf(&b).tab
}()

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
	// A life that was cancelled is the descriptor's last.
	if s := d.Status(); s.gen() == c.Gen() && s.Cancelled() {
		return d.Cause(context.Canceled, ErrClosed)
	}
	return context.Canceled // the task has ended
}

// CtxCause is Life.CtxCause of the running task d.
func (d *Task) CtxCause() error { return d.Life().CtxCause() }

// Follow cancels the task if a context that it is under has ended, and reports whether one has.
// Without Follow the caller would learn of the end only from the goroutine that passes it on to the
// task, which may run later. Follow is called only on behalf of a user, and calls the methods of
// users' contexts, which may wait. If a method of a user's context panics, Follow treats that
// context as not ended, because its callers hold resources that a panic would not release.
func (c *Life) Follow() (ended bool) {
	x := c.Extra()
	return x.HasContext() && c.follow(x)
}

func (c *Life) follow(x *Extra) (ended bool) {
	// Most tasks under contexts are under a single one of package context, and some ask often.
	if u := x.Parents; u != nil && u.Next == nil && x.Owner == nil && IsStd(&u.Context) && u.Err() == nil {
		return false
	}
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
// the cause. CancelFor does nothing if the task has ended. It calls no user's code and does not
// wait. queue reports whether the caller has to queue the task. After that, the caller has to make
// the calls of late.
func (h Handle) CancelFor(err, cause error) (queue bool, late *Late) {
	d := h.d
	if !d.Status().Live(h.gen) {
		return false, nil
	}
	kind := Default
	if expired := Expired(err); expired || cause != nil && cause != context.Canceled {
		kind = Custom
		if cause == nil {
			cause = err
		}
		if !d.SetCause(h.gen, cause, expired) {
			return false, nil
		}
	}
	did, queue := d.Cancel(h.gen, kind)
	if !did {
		return false, nil
	}
	return queue, d.CancelStolen(d.Extra().CloseDone(nil))
}

// Queue is CancelFor, and also queues the task if needed.
func (h Handle) Queue(err, cause error) (late *Late) {
	queue, late := h.CancelFor(err, cause)
	if queue {
		h.d.Shared().Sched.Inject(h.d)
	}
	return late
}

// Cancel is CancelFor on behalf of a user, and does all that it leaves to its caller. So a user's
// code may run in it, and may wait. h may be the zero Handle.
func (h Handle) Cancel(err, cause error) {
	if h.d != nil {
		h.Queue(err, cause).Run()
	}
}
