// Package parallel is fork-join parallelism on heddle's tasks. It offers calls that cost a few
// nanoseconds to fork, and common algorithms over index ranges and slices that are built on such
// calls.
//
// # The way in
//
// A task must make every call into this package. For an ordinary goroutine, [Run] starts a task and
// waits for its result:
//
//	sum, err := parallel.Run(sched, func(c *task.Ctx) (int, error) {
//		return parallel.Reduce(c, xs, 0, func(a, b int) int { return a + b })
//	})
//
// # What to use
//
//   - [For], [ForRange], [ForEach], [ForEachSeq], [Map], [Filter], [Reduce], [Fold], [Accumulate],
//     [ScanInclusive], [ScanExclusive], [MinMax], [Find], [Sort] and their variants, where one of
//     them fits. They work out by themselves how finely to split.
//   - [MapSeq] for calls that wait. It bounds the number of calls under way and keeps the results
//     in order.
//   - [Do] for a few functions at a time, and [InScope] if their number is not known in advance.
//   - [Define], with Fork and Join, for recursions. This is by far the cheapest way, with no
//     closure and no allocation. Both forks and joins two calls, in two thirds of the time. CallAll
//     forks and joins any number of calls. [Recursive] needs no package variable.
//
// # What a fork is
//
// A fork is an offer. If an idle worker takes it, the call runs on that worker as a task of its
// own. Otherwise the parent makes the call itself when it joins. So no task is started unless a
// worker has time for it, and on one worker parallel code runs at nearly the speed of sequential
// code.
//
// A function that is called in parallel gets the Ctx of the task that it runs on, and should use
// that Ctx. The methods of the parent's Ctx and the algorithms would also act on the function's own
// task, but more slowly. The methods of Func, Call and Scope need the function's own Ctx: see
// [Func.Fork].
//
// # Guarantees
//
//   - Every call is made exactly once, and has ended when the join or the algorithm returns or
//     panics.
//   - A parent waits only for its own children. It waits parked, and nothing else runs on its stack
//     meanwhile.
//   - If the operation is associative, the results are those of the sequential loop. The operation
//     need not be commutative.
//   - A panic is not lost. Join, Do, InScope, Run and the algorithms panic with a
//     [*task.PanicError] that has the value and the stack of the function that panicked, after
//     everything that they started has ended. If several functions panic, one of the panics is
//     reported.
//   - Cancelling a task also cancels the calls that were stolen from it. Forked calls are made even
//     if the task is cancelled, and see the cancellation in their Ctx. The algorithms look
//     for the cancellation after each grain, a stretch of about 20 microseconds (see [WithGrain]),
//     and then return the cause.
//
// # Not guaranteed
//
//   - That a fork runs in parallel, or before its join. Code that needs that should use tasks
//     ([task.Ctx.Go]). In particular, a forked function must not wait for anything that its parent
//     does between the fork and the join.
//   - The order in which forks run. Join forks in any order. Joining the newest first is cheapest.
//
// In this documentation, work is the time that all calls take on one worker, and span is the time
// that they take on infinitely many workers. On p workers a computation takes about work/p + span.
package parallel
