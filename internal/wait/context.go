package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// TaskKey is the key under which a task.Ctx, and a context derived from one, has that Ctx as its value.
type TaskKey struct{}

// TellerKey is the key under which a Teller, and a context derived from one, has that Teller as its value.
type TellerKey struct{}

// A Teller is a context of package task that is no Ctx: one with a deadline.
type Teller interface {
	Done() <-chan struct{}
	// Register has f called when the context ends, by the goroutine that ends it. It reports false if the context has ended.
	Register(f func()) (stop func() bool, ok bool)
}

// NilContext is the panic of an operation that was given a nil context.
const NilContext = "task: nil context: pass the task's Ctx, or context.Background() if nothing is to end the wait"

// background is the context of the waits that nothing but their event ends.
var background = context.Background()

// Enter begins an operation that can wait until ctx ends. It returns the task that calls, or nil if that is an
// ordinary goroutine, and the cause if ctx has ended already. For a task
// it is a yield point, like task.Ctx.Checkpoint. It panics if ctx is nil.
//
// of is the task whose Ctx ctx is, or nil. The caller can tell by a type assertion, which is faster than rt.OfCtx.
func Enter(ctx context.Context, of *rt.Task) (*rt.Task, error) {
	d := of
	if d == nil || !d.IsCurrent() {
		if d = Caller(ctx); d == nil || d != of {
			return enterOther(ctx, d)
		}
	}
	d.Checkpoint()
	if d.Status().Cancelled() {
		return d, d.CtxCause()
	}
	return d, nil
}

// MayEnter is the part of [Enter] for operations that take only nanoseconds: true says that
// Enter with the Ctx of d would return d and no error now, and is not needed.
func MayEnter(d *rt.Task) bool { return d.MayEnter() }

// enterOther is Enter by d, or by a goroutine, under a context that is not d's Ctx.
func enterOther(ctx context.Context, d *rt.Task) (*rt.Task, error) {
	if d != nil {
		d.Checkpoint()
	}
	if ctx.Err() != nil {
		return d, CauseOf(ctx)
	}
	return d, nil
}

// CauseOf returns the cause of ctx, which has ended, and never nil. A wait under the Ctx of another task hears of its end a moment
// before it can be asked for the cause; without one it would report an event that has not happened.
func CauseOf(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return context.Canceled
}

// Watch is context.AfterFunc for functions that do not wait. If ctx ends by a timer of heddle's, f is called by the goroutine that
// found the timer due, and not by one of its own, which would have to wait for a processor.
func Watch(ctx context.Context, f func()) (stop func() bool) {
	if d := rt.OfCtx(ctx); d != nil {
		if stop, ok := d.AfterDone(f); ok {
			return stop
		}
		return context.AfterFunc(ctx, f)
	}
	// As the standard library does: what has the same channel ends at the same time.
	if x, ok := ctx.Value(TellerKey{}).(Teller); ok && x.Done() == ctx.Done() {
		if stop, ok := x.Register(f); ok {
			return stop
		}
	}
	return context.AfterFunc(ctx, f)
}
