package parallel

import (
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// panicError returns a *task.PanicError for v, a recovered value, with the current stack. The
// deferred function that recovered v must call panicError, because the stack of the panic is there
// only until that function returns. If v is the PanicError of a parallel call further in, it has
// the stack of its origin, and panicError returns it unchanged. v is nil if panic(nil) was called
// with GODEBUG=panicnil=1.
func panicError(v any) *task.PanicError {
	if pe, ok := v.(*task.PanicError); ok {
		return pe
	}
	if v == nil {
		v = new(runtime.PanicNilError)
	}
	return &task.PanicError{Value: v, Stack: debug.Stack()}
}

// exits reports whether runtime.Goexit is the reason why the current deferred function runs. Only
// the deferred function may call it, and only if the function that deferred it has not returned
// normally.
//
// A Goexit cannot be stopped. After it has passed a function, the calls that were forked below that
// function must have ended, as after a panic. If a call that another worker makes ends by a Goexit,
// only the call ends at first. Then its join calls Goexit for the joiner. So a Goexit reaches the
// caller of an algorithm, whether the joiner or a thief made the call. If another call has
// panicked, the task fails with that panic: see rt.Task.FailWith.
//
//go:noinline
func exits() bool {
	unwind, _ := rt.Unwinding(1)
	return unwind == rt.Exiting
}

// unwindPanic is for a deferred function, with the value v that it recovered. outstanding is the
// number of calls that the task had forked, and not joined, before it called the function that
// panicked. unwindPanic ends all later forks, so that the newest of these older calls is the newest
// again. It returns the panic as a *task.PanicError.
func unwindPanic(c *task.Ctx, outstanding int, v any) *task.PanicError {
	pe := panicError(v)
	(*rt.Life)(c).Task().UnwindForks(outstanding)
	return pe
}

// If a join makes the call itself, the call is on the joiner's stack, and its panic would reach the
// joiner unchanged. So the join defers a function that turns the panic into a *task.PanicError.
// Only the innermost join does that. The joins further out let the panic pass. If each join
// recovered and panicked again, each would add a panic to the stack, and all later ones would have
// to search through it: quadratic in the depth of the recursion. A join cannot look at the panic's
// value without recovering it. But it can find out which function raised the panic, and lets it
// pass if that was raise.

// raise raises the panic of a call as a *task.PanicError. v is the value that recover returned.
// outstanding is as for unwindPanic.
//
//go:noinline
func raise(c *task.Ctx, outstanding int, v any) {
	pe := unwindPanic(c, outstanding, v)
	(*rt.Life)(c).Task().AwaitStarted()
	panic(pe)
}

var raiseName = runtime.FuncForPC(reflect.ValueOf(raise).Pointer()).Name()

// passesThrough reports whether the join should let what unwinds it pass unchanged: a panic that
// raise has raised, or a Goexit. If so, passesThrough also ends the calls that raise would end.
// outstanding is as for unwindPanic. Only the deferred function may call it.
//
//go:noinline
func passesThrough(c *task.Ctx, outstanding int) bool {
	unwind, raiser := rt.Unwinding(1)
	switch {
	case unwind == rt.Exiting:
		exitTo(c, outstanding)
	case raiser == raiseName:
		(*rt.Life)(c).Task().UnwindForks(outstanding)
	default:
		return false
	}
	(*rt.Life)(c).Task().AwaitStarted()
	return true
}

// exitTo ends the same calls as unwindPanic, but during a Goexit, which prevents the joins of these
// calls. If one of them has panicked, the task fails with the panic.
func exitTo(c *task.Ctx, outstanding int) {
	for _, err := range (*rt.Life)(c).Task().UnwindForks(outstanding) {
		if pe, ok := err.(*task.PanicError); ok {
			failWith(c, pe)
		}
	}
}

// panicErrorOf returns the panic for the joiner of a call that another worker made and that ended
// with err.
func panicErrorOf(err error) *task.PanicError {
	if pe, ok := err.(*task.PanicError); ok {
		return pe
	}
	return &task.PanicError{Value: err, Stack: []byte(fmt.Sprintf("[the call ended with %v]\n", err))}
}

// closures is the Func of the calls of Do and of Scope.
var closures = Define(runClosure)

// A forked is a call of a closure. Its result is the closure's panic, or nil.
type forked = Call[func(c *task.Ctx), *task.PanicError]

// failWith makes the task fail with failure, if that is not nil. During a Goexit a join uses it,
// because it cannot raise the failure then.
func failWith(c *task.Ctx, failure *task.PanicError) {
	if failure != nil {
		(*rt.Life)(c).Task().FailWith(failure)
	}
}

// runClosure calls fn and returns its panic, or nil.
func runClosure(c *task.Ctx, fn func(c *task.Ctx)) (failure *task.PanicError) {
	outstanding := (*rt.Life)(c).Task().Outstanding()
	in := c // nil once fn has returned: see Join
	defer func() {
		switch {
		case in == nil:
		case exits():
			exitTo(in, outstanding)
		default:
			failure = unwindPanic(in, outstanding, recover())
		}
	}()
	fn(c)
	in = nil
	return nil
}

// runBefore is runClosure for a caller that joins calls afterwards. If fn calls runtime.Goexit,
// runBefore joins the calls itself.
func runBefore(c *task.Ctx, fn func(c *task.Ctx), calls []*forked) (failure *task.PanicError) {
	outstanding := (*rt.Life)(c).Task().Outstanding()
	in := c
	defer func() {
		switch {
		case in == nil:
		case exits():
			exitTo(in, outstanding)
			failWith(in, joinAll(in, calls, nil))
		default:
			failure = unwindPanic(in, outstanding, recover())
		}
	}()
	fn(c)
	in = nil
	return nil
}

// joinAll joins calls from the last to the first. It returns failure. If failure is nil, it returns
// the first panic that it meets. If a call ends by runtime.Goexit, joinAll joins the other calls
// before the Goexit goes on, and the task fails with what joinAll would have returned.
func joinAll(c *task.Ctx, calls []*forked, failure *task.PanicError) *task.PanicError {
	whole := false
	defer func() {
		if whole || !exits() {
			return
		}
		failWith(c, joinAll(c, calls, failure))
	}()
	for len(calls) > 0 {
		last := len(calls) - 1
		x := calls[last]
		calls = calls[:last]
		if next := joined(c, x); failure == nil {
			failure = next
		}
	}
	whole = true
	return failure
}

// joined joins a call of closures, which returns its own panic as its result. If no other worker
// has started the call, joined makes it itself and no other panic can come.
func joined(c *task.Ctx, x *forked) *task.PanicError {
	if fn, ok := x.takeBack(c); ok {
		return runClosure(c, fn)
	}
	return joinedSlow(c, x)
}

// joinedSlow also catches the panics of Join itself.
//
//go:noinline
func joinedSlow(c *task.Ctx, x *forked) (failure *task.PanicError) {
	whole := false
	defer func() {
		if !whole && !exits() {
			failure = panicError(recover())
		}
	}()
	failure = x.Join(c)
	whole = true
	return failure
}
