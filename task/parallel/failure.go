package parallel

import (
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// panicError makes v, which was recovered, a *task.PanicError with the present stack. It must be called by the
// deferred function, while the stack of the panic is still there. What came up from a
// parallel call further in has the stack of its origin already.
func panicError(v any) *task.PanicError {
	if pe, ok := v.(*task.PanicError); ok {
		return pe
	}
	return &task.PanicError{Value: v, Stack: debug.Stack()}
}

// caught is what a deferred function calls with what it recovered: it ends the calls that were forked by what
// panicked, so that those that the task had forked before, mark of them, are the newest again.
func caught(c *task.Ctx, mark int, v any) *task.PanicError {
	pe := panicError(v)
	(*rt.Desc)(c).SettleTo(mark)
	return pe
}

// closures are the calls of Do and of Scope.
var closures = Define(runClosure)

// A forked is a call of a closure, whose result is how it failed.
type forked = Call[func(c *task.Ctx), *task.PanicError]

// runClosure calls fn and returns its panic.
func runClosure(c *task.Ctx, fn func(c *task.Ctx)) (failure *task.PanicError) {
	mark := (*rt.Desc)(c).Outstanding()
	defer func() {
		if v := recover(); v != nil {
			failure = caught(c, mark, v)
		}
	}()
	fn(c)
	return nil
}

// joined joins a call that returns its own panic. What is left to catch is the end of a stolen
// call by runtime.Goexit, which Join reports by a panic.
func joined(c *task.Ctx, x *forked) (failure *task.PanicError) {
	defer func() {
		if v := recover(); v != nil {
			failure = panicError(v)
		}
	}()
	return x.Join(c)
}
