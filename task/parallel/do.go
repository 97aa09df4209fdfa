package parallel

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Do runs the functions, in parallel where workers are idle, and returns when all of them have
// returned. Each function gets the Ctx of the task that it runs on, which may differ from c.
//
// The calling task runs the first function itself and offers the others to idle workers. It then
// runs, in order, the functions that no worker took. So without idle workers, Do is a sequence of
// calls. While a stolen function is still running, Do parks the task. The functions may wait for
// each other, but not for anything that the caller does after Do.
//
// If functions panic, Do panics after all functions have ended, with the *task.PanicError of the
// first one in the order of the arguments. The PanicError has the panic's value and stack. If
// functions call runtime.Goexit, so does the calling task after all functions have ended, and it
// ends with [task.ErrGoexit]. If another function panics, the panic takes precedence. Cancelling
// the task does not prevent the functions from being called. They see the cancellation in their
// Ctx.
//
// Work is the sum of the functions' work, and span is the largest span. With two functions, Do
// costs about as much as the two closures that the caller allocates.
func Do(c *task.Ctx, fns ...func(c *task.Ctx)) {
	if len(fns) != 2 || fns[0] == nil || fns[1] == nil {
		doAny(c, fns)
		return
	}
	// The usual case goes without a slice of calls.
	me := rt.Goroutine()
	if d := (*rt.Life)(c).Task(); d == nil || !d.RunsOn(me) || d.Life() != (*rt.Life)(c) { // callerOf, which does not inline
		c = otherCaller(c)
	}
	calls := [1]*forked{closures.Fork(c, fns[1])}
	if failure := runBefore(c, fns[0], calls[:]); failure != nil {
		panic(joinAll(c, calls[:], failure))
	}
	if failure := joined(c, calls[0]); failure != nil {
		panic(failure)
	}
}

// doAny is Do for any number of functions.
func doAny(c *task.Ctx, fns []func(c *task.Ctx)) {
	for _, fn := range fns {
		if fn == nil {
			panic("parallel: Do with a nil function")
		}
	}
	if len(fns) == 0 {
		return
	}
	c = callerOf(c)
	var few [8]*forked
	calls := few[:0]
	// Fork the last function first. Then the second function is the newest, and is taken back
	// first.
	for i := len(fns) - 1; i > 0; i-- {
		calls = append(calls, closures.Fork(c, fns[i]))
	}
	if len(calls) > 0 {
		show(c)
	}
	if failure := joinAll(c, calls, runBefore(c, fns[0], calls)); failure != nil {
		panic(failure)
	}
}
