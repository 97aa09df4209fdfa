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

// A call that a join makes itself is on the joiner's stack, and its panic would come to the joiner as it is. So the join defers
// what makes it a *task.PanicError. What there is to make is made once, by the innermost join; the joins further out let
// it pass, since to recover and to panic again in each would put a panic on the stack for each, which all the later ones have to
// search: quadratic in the depth of the recursion. The runtime does not show a panic's value to those who do not recover it, but
// it shows who raised it.

// fell raises the panic of a call that ended with v, what recover returned, while the task had mark calls forked before it. It
// returns if that is nil: the call has called runtime.Goexit, which goes on.
//
//go:noinline
func fell(c *task.Ctx, mark int, v any) {
	if v == nil {
		return
	}
	pe := caught(c, mark, v)
	(*rt.Desc)(c).AwaitStarted()
	panic(pe)
}

var fellName = runtime.FuncForPC(reflect.ValueOf(fell).Pointer()).Name()

// passing reports whether the panic that has the present deferred call called was raised by fell. It then does the rest
// of what fell does. It is to be called by the deferred function.
//
//go:noinline
func passing(c *task.Ctx, mark int) bool {
	var pcs [8]uintptr
	stack := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])]) // but for Callers, passing and the deferred function
	for {
		f, more := stack.Next()
		if !more || f.Function == "runtime.Goexit" {
			return false
		}
		if f.Function == "runtime.gopanic" {
			break
		}
	}
	if f, _ := stack.Next(); f.Function != fellName {
		return false
	}
	d := (*rt.Desc)(c)
	d.SettleTo(mark)
	d.AwaitStarted()
	return true
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

// runClosure calls fn and returns its panic.
func runClosure(c *task.Ctx, fn func(c *task.Ctx)) (failure *task.PanicError) {
	mark := (*rt.Desc)(c).Outstanding()
	in := c // nil once fn has returned: see Join
	defer func() {
		if in == nil {
			return
		}
		if v := recover(); v != nil {
			failure = caught(in, mark, v)
		}
	}()
	fn(c)
	in = nil
	return nil
}

// joined joins a call that returns its own panic. If nobody has started it, that is all there is to catch.
func joined(c *task.Ctx, x *forked) *task.PanicError {
	if fn, ok := x.takeBack(c); ok {
		return runClosure(c, fn)
	}
	return joinedSlow(c, x)
}

// joinedSlow also catches the end of a stolen call by runtime.Goexit, which Join reports by a panic.
//
//go:noinline
func joinedSlow(c *task.Ctx, x *forked) (failure *task.PanicError) {
	defer func() {
		if v := recover(); v != nil {
			failure = panicError(v)
		}
	}()
	return x.Join(c)
}
