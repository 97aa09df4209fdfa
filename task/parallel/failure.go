package parallel

import (
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// panicError makes v, which was recovered, a *task.PanicError with the present stack. It must be called by the
// deferred function, while the stack of the panic is still there. What came up from a
// parallel call further in has the stack of its origin already. v is nil if panic(nil) was called with GODEBUG=panicnil=1.
func panicError(v any) *task.PanicError {
	if pe, ok := v.(*task.PanicError); ok {
		return pe
	}
	if v == nil {
		v = new(runtime.PanicNilError)
	}
	return &task.PanicError{Value: v, Stack: debug.Stack()}
}

// exits reports whether runtime.Goexit is what has the present deferred call called, whose function has not returned. It is
// to be called by the deferred function.
//
// A Goexit cannot be stopped, and what it passes must be as after a panic: the calls that were forked below have ended. A call that
// another worker made ends by itself; the join then calls Goexit for the joiner. So a Goexit reaches the caller of an algorithm
// whether the joiner made the call or a thief did. If another call has panicked, the task fails with that panic: see
// rt.Task.FailWith.
//
//go:noinline
func exits() bool {
	why, _ := rt.Unwinding(1)
	return why == rt.Exiting
}

// unwindPanic is what a deferred function calls with what it recovered: it ends the calls that were forked by what
// panicked, so that those that the task had forked before, mark of them, are the newest again.
func unwindPanic(c *task.Ctx, mark int, v any) *task.PanicError {
	pe := panicError(v)
	(*rt.Task)(c).UnwindForks(mark)
	return pe
}

// A call that a join makes itself is on the joiner's stack, and its panic would come to the joiner as it is. So the join defers
// what makes it a *task.PanicError. What there is to make is made once, by the innermost join; the joins further out let
// it pass, since to recover and to panic again in each would put a panic on the stack for each, which all the later ones have to
// search: quadratic in the depth of the recursion. The runtime does not show a panic's value to those who do not recover it, but
// it shows who raised it.

// raise raises the panic of a call that panicked with v, what recover returned, while the task had mark calls forked before it.
//
//go:noinline
func raise(c *task.Ctx, mark int, v any) {
	pe := unwindPanic(c, mark, v)
	(*rt.Task)(c).AwaitStarted()
	panic(pe)
}

var raiseName = runtime.FuncForPC(reflect.ValueOf(raise).Pointer()).Name()

// passesThrough reports whether what has the present deferred call called is to pass the join: a panic that was raised by raise, or
// a Goexit. It then does the rest of what raise does. Only the deferred function may call it.
//
//go:noinline
func passesThrough(c *task.Ctx, mark int) bool {
	why, by := rt.Unwinding(1)
	switch {
	case why == rt.Exiting:
		exitTo(c, mark)
	case by == raiseName:
		(*rt.Task)(c).UnwindForks(mark)
	default:
		return false
	}
	(*rt.Task)(c).AwaitStarted()
	return true
}

// exitTo ends the calls that the task has forked but for mark of them, during a Goexit which keeps them from being joined. If one has
// panicked, the task fails with that.
func exitTo(c *task.Ctx, mark int) {
	for _, err := range (*rt.Task)(c).UnwindForks(mark) {
		if pe, ok := err.(*task.PanicError); ok {
			failWith(c, pe)
		}
	}
}

// panicErrorOf is the failure of a call that another worker made, as the joiner is told it.
func panicErrorOf(err error) *task.PanicError {
	if pe, ok := err.(*task.PanicError); ok {
		return pe
	}
	return &task.PanicError{Value: err, Stack: []byte(fmt.Sprintf("[the call ended with %v]\n", err))}
}

// closures are the calls of Do and of Scope.
var closures = Define(runClosure)

// A forked is a call of a closure, whose result is how it failed.
type forked = Call[func(c *task.Ctx), *task.PanicError]

// failWith is for a failure, if there is one, that a Goexit keeps from being raised.
func failWith(c *task.Ctx, failure *task.PanicError) {
	if failure != nil {
		(*rt.Task)(c).FailWith(failure)
	}
}

// runClosure calls fn and returns its panic.
func runClosure(c *task.Ctx, fn func(c *task.Ctx)) (failure *task.PanicError) {
	mark := (*rt.Task)(c).Outstanding()
	in := c // nil once fn has returned: see Join
	defer func() {
		switch {
		case in == nil:
		case exits():
			exitTo(in, mark)
		default:
			failure = unwindPanic(in, mark, recover())
		}
	}()
	fn(c)
	in = nil
	return nil
}

// runBefore is runClosure for a caller that joins calls afterwards. If fn calls runtime.Goexit, runBefore joins them.
func runBefore(c *task.Ctx, fn func(c *task.Ctx), calls []*forked) (failure *task.PanicError) {
	mark := (*rt.Task)(c).Outstanding()
	in := c
	defer func() {
		switch {
		case in == nil:
		case exits():
			exitTo(in, mark)
			failWith(in, joinAll(in, calls, nil))
		default:
			failure = unwindPanic(in, mark, recover())
		}
	}()
	fn(c)
	in = nil
	return nil
}

// joinAll joins calls from the last to the first. It returns failure, or if that is nil, the failure of the call that it joined first
// of those that panicked. If a call ends by runtime.Goexit, the others are joined before that goes on, and the task fails with what
// joinAll would have returned.
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

// joined joins a call that returns its own panic. If nobody has started it, that is all there is to catch.
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
