// Package task is what code that runs on heddle sees: the context of the running
// task, [Ctx], and the handle that others hold of it, [Task].
//
// Tasks are started through a scheduler (package scheduler), or from inside
// another task with [Ctx.Go]:
//
//	t := sched.Go(func(c *task.Ctx) {
//		for !c.Cancelled() {
//			step()
//			c.Checkpoint() // a yield point that is nearly free
//		}
//	})
//	err := t.Wait()
//
// # Waiting
//
// Two words are kept apart everywhere: an operation parks the task, and its worker
// goes on with other tasks; or it blocks the calling goroutine, with the thread
// that carries it. Whatever waits in this module finds out which: it parks the calling task, or blocks the
// calling goroutine if that is no task, whatever context it is given. In a function of [Ctx.Blocking] it blocks.
//
// The context says how long: its end ends the wait, and is returned as the cause. Wait, of a [Task], a [Group], a [Future] or a
// [Completion], takes none: it ends with what it waits for. WaitContext gives up when its context ends; under the task's
// own c, when the task is cancelled.
//
// A task that blocks its thread (a system call, a native channel, a mutex of package sync) is allowed to, but takes a worker away
// while it does; in [Ctx.Blocking] others run meanwhile, and [Receive] waits for a native channel.
//
// # Time
//
// [Sleep] and [Ctx.Sleep], [WithTimeout] and [WithDeadline], the options [Timeout] and [Deadline] and the timers of package
// tsync go by the clock of the task's scheduler (scheduler.WithClock), and are driven by its workers: they hold also while all
// processors compute, as long as tasks checkpoint.
//
// # Guarantees
//
//   - A task that was accepted runs exactly once, or is reported as cancelled.
//   - A task is never run by two workers at once, and everything it did before it gave
//     way happens before everything it does after, on whatever thread.
//   - Runnable tasks are run first-in-first-out per worker, so a task that yields or
//     checkpoints cannot keep others from running. Two go first: the task that the present one has woken last, or the newest
//     of those that it has started. How often in a row is bounded.
//   - A panic is never lost: see [PanicError].
//
// # Not guaranteed
//
//   - Order between tasks on different workers.
//   - That a task stays on its thread: after any operation that parks or yields it
//     may be on another. A task must therefore not call runtime.LockOSThread and then
//     suspend: the Go runtime ends the process with "coro: OS thread locking must match
//     locking at coroutine creation". The same holds for iter.Pull in a task that suspends before
//     the sequence has ended: use [Pull].
//   - Suspending in a Go function that C code has called: while cgo runs a callback, the runtime locks the
//     goroutine to its thread. A callback that parks, yields or checkpoints on a task ends the process likewise. In a
//     callback use what does not wait, such as tsync's Chan.TrySend, Event.Set or [Completion.Complete], or make the call of
//     C in [Ctx.Blocking], where what waits blocks the callback's goroutine.
//   - Preemption of code without yield points. It is detected and reported as a
//     stall, not interrupted.
package task
