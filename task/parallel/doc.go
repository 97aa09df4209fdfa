// Package parallel is fork-join parallelism on heddle's tasks: calls that cost a few nanoseconds to fork, and the everyday
// algorithms over index ranges and slices built on them.
//
// # The way in
//
// Everything here is called by a task. [Run] makes one, for ordinary goroutines, and waits for its result:
//
//	sum, err := parallel.Run(sched, func(c *task.Ctx) (int, error) {
//		return parallel.Reduce(c, xs, 0, func(a, b int) int { return a + b })
//	})
//
// # What to use
//
//   - [For], [ForRange], [ForEach], [ForEachSeq], [Map], [Filter], [Reduce], [Fold], [Accumulate], [ScanInclusive],
//     [ScanExclusive], [MinMax], [Find], [Sort] and their kin, where one fits. They find out by themselves how finely to split.
//   - [MapSeq] for calls that wait, so many at a time, with their results in order.
//   - [Do] for a few functions at a time, and [InScope] where their number is not known beforehand.
//   - [Define], with Fork and Join, for recursions: no closure, no allocation, and the cheapest by far. CallAll forks and joins
//     any number of calls, and [Recursive] needs no package variable.
//
// # What a fork is
//
// A fork is an offer. An idle worker may take it, and then it runs as a task of its own, on that worker; otherwise the parent
// makes the call itself when it joins. So nothing here is started that nobody has time for, and parallel code runs on one worker
// at nearly the speed of sequential code. A function that is called in parallel is given the Ctx of the task that it
// happens to run on, and uses that one: its parent's acts on the caller too, but is slower.
//
// # Guarantees
//
//   - Every call is made exactly once, and has ended when the join, or the algorithm, returns or panics.
//   - A parent waits only for its own children, parked, and meanwhile runs nothing else on its stack.
//   - Results are those of the sequential loop if the operation is associative; it need not be commutative.
//   - A panic is not lost: Join, Do, InScope, Run and the algorithms panic with a [*task.PanicError] that has the value and the stack
//     of the function that panicked, after all that they started has ended. Of several panics, one is reported.
//   - Cancelling a task cancels what was stolen from it. Calls are made all the same, and see it in their
//     Ctx; the algorithms stop at the next grain and return the cause.
//
// # Not guaranteed
//
//   - That a fork runs in parallel, or before its join. Code that needs that wants tasks ([task.Ctx.Go]). In particular, a forked
//     function must not wait for what its parent does between the fork and the join.
//   - The order in which forks run. They may be joined in any order; the cheap one is last forked, first joined.
//
// Work, in the documentation, is the time of all calls on one worker, and span the time on infinitely many. On p workers a
// computation takes about work/p + span.
package parallel
