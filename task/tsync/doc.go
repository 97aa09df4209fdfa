// Package tsync has channels, locks, timers and the like for tasks: where Go's own would block the thread of
// a worker, these park the task, and its worker goes on with another one.
//
//	ch := tsync.NewChan[int](0)
//	c.Go(func(c *task.Ctx) { _ = ch.Send(c, 1) })
//	v, ok, err := ch.Recv(c)
//
// # One rule
//
// Every operation that can wait takes a context first. Given a task's Ctx, or a context that was derived from
// it, it parks the task. Given any other, it blocks the calling goroutine. So tasks, of one scheduler or several, and
// ordinary goroutines meet at the same channel or lock.
//
// When the context ends first, the operation returns its cause (see context.Cause), and nothing has
// changed: no value is lost or received, no unit taken, no lock held. If the context has ended at the call,
// the operation does nothing, whether it would have had to wait or not. An operation that was
// completed by another party just before the context ended returns nil.
//
// If a method of the context panics, the operation panics and nothing has changed, as if the context had ended. If another
// party has completed the operation just before, the operation returns nil and the panic is dropped.
//
// Operations that do not wait take no context. For a task, an operation that takes one is
// a yield point, like task.Ctx.Checkpoint.
//
// The context has to be the caller's own. A task that passes one that neither is nor comes from its own Ctx, such as
// context.Background(), or the ctx of the function that has started it, blocks the thread of its worker; if all
// workers are blocked so, nobody is left to let them go on. And a task's Ctx, or one derived from it, that is used by a
// goroutine, by a child of the task, or in Blocking, makes the operation panic if the task is not running then. See
// task.Ctx for what a goroutine uses instead.
//
// In a task that is cancelled, every operation returns the cause. To clean up under a lock, or to wait for somebody, pass
// context.WithoutCancel(c): the operation parks, and only its event ends it. With a deadline on top, by task.WithTimeout, that ends
// it as well.
//
// # Guarantees
//
//   - Everything here orders memory as its counterpart in Go does: what comes before a send, an Unlock, a
//     Release, a Done, a Set happens before what comes after the operation that it lets go on.
//   - Queues are first-in-first-out. Exceptions, where strict order would cost a task switch at
//     each operation, are stated with the type; each is bounded.
//   - Nothing allocates in the steady state, except that a wait under a derived context allocates the watch over
//     that context, and that the cases of a Select are allocated by who makes them.
//   - A task that is woken by another one on the same scheduler runs next on the waker's worker. For operations without
//     a context, such as Unlock, that holds on amd64 without the race detector, where the caller can be found out; otherwise, and
//     from elsewhere, the task goes through the scheduler's queue for outsiders.
//
// # Not guaranteed
//
//   - Detection of deadlocks.
//   - Detection of every misuse of a context: a derived context that another goroutine
//     passes while the task runs cannot be told from the task's own.
//   - Protection from blocking: a task that passes a context not its own, context.Background() for example, blocks the
//     thread of its worker.
package tsync
