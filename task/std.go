package task

import (
	"context"
	"reflect"
)

// This is how package context treats a context that is not its own, and how a Ctx makes use of
// that.
//
// To register a context derived from p, package context asks p.Value for a key of its own. If that
// returns a context of package context with p's Done channel, it registers the derived context
// there. Otherwise, if p has a method AfterFunc, it calls AfterFunc with a function that ends the
// derived context. Otherwise it starts a goroutine. [context.Cause] asks for the same key, and
// returns the cause of the context that it gets.
//
// We find the key once, by deriving a context from a probe that notes what it is asked for. If a
// later version of package context asks for no key, derived contexts are registered by AfterFunc,
// and context.Cause returns Err.

// cancelCtxKey is package context's key. propagation is the code address of the function that
// package context passes to AfterFunc.
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

// A probe notes the key and the function that package context passes to it.
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

// AfterFunc is the method that package context looks for.
func (p *probe) AfterFunc(f func()) func() bool {
	p.f = f
	return func() bool { return true }
}

// atEnd returns the function to call at a context's end, given the argument f of AfterFunc.
//
// If f is package context's function, which ends derived contexts, atEnd returns f itself with a
// guard against panics. The derived contexts must have ended when the cancellation of this context
// returns, so the cancelling goroutine calls f.
//
// Any other f comes from a user, and may panic, call runtime.Goexit or wait. The canceller still
// has to wake the task or end it. So f gets a goroutine of its own, as with context.AfterFunc. A
// panic there ends the program, and leaves no task half cancelled.
func atEnd(f func()) func() {
	if reflect.ValueOf(f).Pointer() != propagation {
		return func() { go f() }
	}
	return func() {
		// f calls Err of the parent of the derived context. If the parent is a user's type that
		// wraps one of our contexts, Err may panic.
		defer func() {
			if v := recover(); v != nil {
				go panic(v)
			}
		}()
		f()
	}
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
		return in.Value(cancelCtxKey)
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
	return ctx.Value(cancelCtxKey)
}

// nameOf returns the name of ctx, as package context shows it within the name of a derived context.
func nameOf(ctx context.Context) string {
	if s, ok := ctx.(interface{ String() string }); ok {
		return s.String()
	}
	return reflect.TypeOf(ctx).String()
}
