package task

import (
	"context"
	"reflect"

	"github.com/heddle-go/heddle/internal/rt"
)

// A Ctx relies on how package context treats a context that is not its own: see rt.StdKey.

// atEnd returns the function of rt.Life.AfterDone for the argument f of AfterFunc.
//
// If f is package context's function for a context that was derived from one of ours, the party
// that ends ours calls f. So the derived context has ended when the cancellation of ours returns,
// and when the end of the task is known. If f ends a context that was derived from one of a user's
// type, f may call the user's code, so it is called late: see rt.Late.
//
// Any other f comes from a user, and may panic, call runtime.Goexit or wait. So f gets a goroutine
// of its own, as with context.AfterFunc. A panic there ends the program, and leaves no task half
// cancelled.
func atEnd(f func()) func(l *rt.Late) {
	if f == nil {
		panic("task: AfterFunc with a nil function")
	}
	switch rt.KindOf(f) {
	case rt.OwnEnd:
		return func(*rt.Late) { f() }
	case rt.ForeignEnd:
		return func(l *rt.Late) {
			l.Add(func() {
				defer func() {
					if v := recover(); v != nil { // a method of the user's type has panicked
						go panic(v)
					}
				}()
				f()
			})
		}
	}
	return func(*rt.Late) { go f() }
}

// family returns the value for package context's key: see rt.Task.Family. If the task is cancelled,
// the returned context has the task's cause.
func (c *Ctx) family() any {
	if !c.life().Escape() {
		return nil // package context then asks Err
	}
	in := c.record().Family()
	if !c.record().Status().Cancelled() {
		if in == nil {
			return nil
		}
		return in.Value(rt.StdKey)
	}
	return withCause(in, c.Cause())
}

// withCause returns, as the value for package context's key, an ended context that has the given
// cause. This is ctx if ctx has that cause, and otherwise a new context. ctx may be nil.
func withCause(ctx context.Context, cause error) any {
	if ctx == nil || context.Cause(ctx) != cause {
		var end context.CancelCauseFunc
		ctx, end = context.WithCancelCause(context.Background())
		end(cause)
	}
	return ctx.Value(rt.StdKey)
}

// nameOf returns the name of ctx, as package context shows it within the name of a derived context.
func nameOf(ctx context.Context) string {
	if s, ok := ctx.(interface{ String() string }); ok {
		return s.String()
	}
	return reflect.TypeOf(ctx).String()
}
