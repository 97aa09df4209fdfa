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
// order of the arguments: its value and its stack. Cancelling the task does not keep functions from being called;
// they see it in their Ctx.
//
// Work is the sum of the functions', span the largest. With two functions, Do costs about as much as the two closures
// that the caller allocates.
func Do(c *task.Ctx, fns ...func(c *task.Ctx)) {
	switch len(fns) {
	case 0:
		return
	case 2: // the usual case, without a slice of calls
		x := closures.Fork(c, fns[1])
		failure := runClosure(c, fns[0])
		if second := joined(c, x); failure == nil {
			failure = second
		}
		if failure != nil {
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
	failure := runClosure(c, fns[0])
	for i := len(calls) - 1; i >= 0; i-- {
		if next := joined(c, calls[i]); failure == nil {
			failure = next
		}
	}
	if failure != nil {
		panic(failure)
	}
}
