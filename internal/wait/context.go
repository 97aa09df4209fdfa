package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// TaskKey is a key of context values. Value(TaskKey{}) of a task.Ctx, or of a context derived from
// one, returns that Ctx.
type TaskKey struct{}

// TellerKey is a key of context values. Value(TellerKey{}) of a Teller, or of a context derived
// from one, returns that Teller.
type TellerKey struct{}

// A Teller is a context that package task made, but not a Ctx: the context of task.WithTimeout or
// task.WithDeadline. It tells a registered function of its end.
type Teller interface {
	Done() <-chan struct{}
	// Register registers f as rt.Life.AfterDone does, for the end of the context.
	Register(f func(l *rt.Late)) (stop func() bool, ok bool)
}

// NilContext is the panic of an operation that was given a nil context.
const NilContext = "task: nil context: pass the task's Ctx, or context.Background() if nothing is to end the wait"

// Enter begins an operation that can wait until ctx ends. It returns the calling task, or nil if
// the caller is an ordinary goroutine. If ctx has ended already, Enter returns its cause. For a
// task Enter is a yield point, like task.Ctx.Checkpoint. It panics if ctx is nil.
//
// of is ctx if ctx is the Ctx of a task, or nil if ctx is another context. The caller of Enter
// finds out by a type assertion, because that is faster than rt.OfCtx.
func Enter(ctx context.Context, of *rt.Life) (*rt.Task, error) {
	if d := of.MayEnter(); d != nil {
		return d, nil
	}
	return enterSlow(ctx, of)
}

func enterSlow(ctx context.Context, of *rt.Life) (*rt.Task, error) {
	d := of.Task()
	if d == nil || !d.IsCurrent() || d.Life() != of {
		if d = Caller(ctx); d == nil || d.Life() != of {
			return enterOther(ctx, d)
		}
	}
	d.Checkpoint()
	if d.Status().Cancelled() {
		return d, of.CtxCause()
	}
	return d, nil
}

// MayEnter is the fast path of [Enter], for operations that take only nanoseconds. If it returns a
// task, Enter with the Ctx c would return that task and no error, so the caller need not call
// Enter. c may be nil.
func MayEnter(c *rt.Life) *rt.Task { return c.MayEnter() }

// enterOther is Enter by d, or by a goroutine if d is nil, under a context that is not d's Ctx.
func enterOther(ctx context.Context, d *rt.Task) (*rt.Task, error) {
	if d != nil {
		d.Checkpoint()
	}
	if ctx.Err() != nil {
		return d, CauseOf(ctx)
	}
	return d, nil
}

// CauseOf returns the cause of ctx, which has ended; it never returns nil. A wait under the Ctx of
// another task may learn of the end a moment before that Ctx can tell the cause. If the wait
// returned nil then, it would report an event that has not happened.
func CauseOf(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return context.Canceled
}

// Watch is context.AfterFunc for functions that do not wait: f is as for rt.Life.AfterDone. If a
// timer of heddle ends ctx, the goroutine that fires the timer calls f. The goroutine that
// context.AfterFunc would start for f might have to wait long for a P. Watch and stop call the
// methods of a user's context, which may wait.
func Watch(ctx context.Context, f func(l *rt.Late)) (stop func() bool) {
	if c := rt.OfCtx(ctx); c != nil {
		if stop, ok := c.AfterDone(f); ok {
			return stop
		}
		return afterFunc(ctx, f)
	}
	// x may be an ancestor of ctx. If both have the same channel, they end at the same time.
	// Package context relies on this too.
	if x, ok := ctx.Value(TellerKey{}).(Teller); ok && x.Done() == ctx.Done() {
		if stop, ok := x.Register(f); ok {
			return stop
		}
	}
	return afterFunc(ctx, f)
}

func afterFunc(ctx context.Context, f func(l *rt.Late)) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		var l rt.Late
		f(&l)
		l.Run() // on a goroutine that only does this
	})
}
