// Package task is the API for code that runs on heddle. A running task uses its context, [Ctx].
// Everything else refers to a task by its handle, [Task].
//
// A scheduler (package scheduler) starts tasks, and so does a running task, with [Ctx.Go]:
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
// The documentation distinguishes two ways to wait. An operation that parks the task gives its
// worker back, and the worker runs other tasks. An operation that blocks holds the calling
// goroutine and the thread that carries it. The operations of this module find out what calls them:
// they park the calling task, or block the calling goroutine if it is not a task. The context they
// are given makes no difference to that. In a function of [Ctx.Blocking] they block.
//
// The context says how long to wait. When it ends, the wait ends too, and the operation returns the
// cause. The Wait method of a [Task], a [Group], a [Future] or a [Completion] takes no context:
// only the event itself ends the wait. WaitContext gives up when its context ends. Given the task's
// own c, it gives up when the task is cancelled.
//
// A task may block its thread (in a system call, on a native channel, on a mutex of package sync),
// but its worker can run no other task meanwhile. In [Ctx.Blocking] the worker's other tasks go on,
// and [Receive] waits for a native channel without blocking.
//
// A yield point is a call at which a task may give its worker to another task: [Ctx.Yield],
// [Ctx.Checkpoint], [Ctx.Cancelled], and every operation that waits. Between two yield points no
// other task runs on the worker. A dispatch is one stay of a task on a worker. The quantum is how
// long a dispatch may last while other tasks are runnable, 10 ms by default
// (scheduler.WithQuantum).
//
// # Time
//
// [Sleep] and [Ctx.Sleep], [WithTimeout] and [WithDeadline], the options [Timeout] and [Deadline],
// and the timers of package tsync go by the clock of the task's scheduler (scheduler.WithClock).
// The scheduler's workers drive them, so they fire even while every processor computes, as long as
// the tasks reach checkpoints.
//
// # Guarantees
//
//   - A task that was accepted runs exactly once, or is reported as cancelled.
//   - No two workers ever run a task at the same time. Everything a task did before it gave way
//     happens before everything it does afterwards, on any thread.
//   - Each worker runs tasks that have begun first-in-first-out, so a task that yields or
//     checkpoints cannot keep others from running. The number of dispatches that come in between is
//     bounded. They are those of the task that the running task woke last, of the newest task that
//     it started, and of children that have not begun, which have turns with the queue.
//   - A panic is never lost: see [PanicError].
//
// # Not guaranteed
//
//   - Any order between tasks on different workers.
//   - That a task stays on its thread. After any operation that parks or yields, the task may be on
//     another thread. A task must therefore not call runtime.LockOSThread and then suspend: the Go
//     runtime ends the process with "coro: OS thread locking must match locking at coroutine
//     creation". The same happens if a task uses iter.Pull and suspends before the sequence has
//     ended: use [Pull] instead. The analyzers for go vet in task/heddlevet report both.
//   - Suspending in a Go function that C code has called. While cgo runs a callback, the runtime
//     locks the goroutine to its thread, so a callback that parks, yields or checkpoints on a task
//     ends the process in the same way. In a callback, use only operations that never wait, such as
//     tsync's Chan.TrySend, Event.Set or [Completion.Complete]. Or call the C function in
//     [Ctx.Blocking], where an operation that waits blocks the callback's goroutine.
//   - Preemption of code without yield points. The scheduler detects and reports such a stall, but
//     does not interrupt it.
package task
