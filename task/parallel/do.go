package parallel

import "github.com/heddle-go/heddle/task"

// Do runs the functions, in parallel where workers are idle, and returns when all of them have
// returned. Each gets the Ctx of the task that it runs on, which need not be c.
//
// The calling task runs the first function itself and offers the others to thieves; those that nobody
// took it runs too, in order. So without idle workers Do is a sequence of calls. While a function that was stolen runs
// on, Do parks the task. The functions may wait for each other, but not for what the
// caller does after Do.
//
// If functions panic, Do panics after all have ended, with the *task.PanicError of the first of them in the
// order of the arguments: its value and its stack. If functions call runtime.Goexit, the calling task does after all have
// ended, and so ends with [task.ErrGoexit]; a panic of another goes before. Cancelling the task does not keep functions from being called;
// they see it in their Ctx.
//
// Work is the sum of the functions', span the largest. With two functions, Do costs about as much as the two closures
// that the caller allocates.
func Do(c *task.Ctx, fns ...func(c *task.Ctx)) {
	for _, fn := range fns {
		if fn == nil {
			panic("parallel: Do with a nil function")
		}
	}
	if len(fns) == 0 {
		return
	}
	c = callerOf(c)
	switch len(fns) {
	case 2: // the usual case, without a slice of calls
		calls := [1]*forked{closures.Fork(c, fns[1])}
		if failure := runBefore(c, fns[0], calls[:]); failure != nil {
			panic(joinAll(c, calls[:], failure))
		}
		if failure := joined(c, calls[0]); failure != nil {
			panic(failure)
		}
		return
	}
	var few [8]*forked
	calls := few[:0]
	// The last is forked first, so that the second is the newest and is taken back first.
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
