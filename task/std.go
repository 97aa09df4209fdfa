package task

import (
	"context"
	"reflect"
)

// What package context does with a context that is not its own, and how a Ctx uses it.
//
// To register a context that is derived from p, it asks p.Value for a key of its own. If that yields a context of its own
// with p's Done channel, it registers the derived one there. Otherwise it calls p.AfterFunc, if there is one, with a
// function that ends the derived context. Otherwise it starts a goroutine. [context.Cause] asks for the same key, and takes
// the cause of the context that it gets.
//
// The key is found once, by deriving from a context that notes what it is asked for. If a later package context asks for
// nothing, derived contexts are registered by AfterFunc, and context.Cause returns Err.

// cancelCtxKey is that key, and propagation the code of that function.
var cancelCtxKey, propagation = func() (any, uintptr) {
	p := &probe{Context: context.Background(), done: make(chan struct{})}
	_, cancel := context.WithCancel(p)
	cancel()
	if p.key == nil {
		p.key = new(int) // equal to no other
	}
	if p.f == nil {
		return p.key, 0
	}
	return p.key, reflect.ValueOf(p.f).Pointer()
}()

// A probe notes what it is asked for.
type probe struct {
	context.Context
	done chan struct{}
	key  any
	f    func()
}

// Done implements context.Context.
func (p *probe) Done() <-chan struct{} { return p.done }

// Value implements context.Context.
func (p *probe) Value(key any) any {
	p.key = key
	return nil
}

// AfterFunc is what package context looks for.
func (p *probe) AfterFunc(f func()) func() bool {
	p.f = f
	return func() bool { return true }
}

// atEnd returns the function to call at a context's end for f, which AfterFunc was given: f itself if it is package context's,
// which ends derived contexts. They have to have ended when the cancellation of this one returns, so it is called by the goroutine
// that cancels. Any other f is a user's, which may panic, call runtime.Goexit, or wait. The canceller still has to wake the
// task, or to end it, so f gets a goroutine of its own, as context.AfterFunc gives it one: a panic there ends the program,
// and leaves no task half cancelled.
func atEnd(f func()) func() {
	if reflect.ValueOf(f).Pointer() != propagation {
		return func() { go f() }
	}
	return func() {
		// It calls Err of the context that was derived from. If that is a user's type around one of ours, it may panic.
		defer func() {
			if v := recover(); v != nil {
				go panic(v)
			}
		}()
		f()
	}
}

// family returns what package context gets for its key: see rt.Task.Family. When the task is cancelled, that has the
// task's cause.
func (c *Ctx) family() any {
	in := c.record().Family()
	if !c.record().Status().Cancelled() {
		if in == nil {
			return nil
		}
		return in.Value(cancelCtxKey)
	}
	return withCause(in, c.Cause())
}

// withCause returns for package context's key an ended context that has the cause: that of ctx, if it fits. ctx may be nil.
func withCause(ctx context.Context, cause error) any {
	if ctx == nil || context.Cause(ctx) != cause {
		var end context.CancelCauseFunc
		ctx, end = context.WithCancelCause(context.Background())
		end(cause)
	}
	return ctx.Value(cancelCtxKey)
}

// nameOf is how package context shows a context in the name of one that is derived from it.
func nameOf(ctx context.Context) string {
	if s, ok := ctx.(interface{ String() string }); ok {
		return s.String()
	}
	return reflect.TypeOf(ctx).String()
}
