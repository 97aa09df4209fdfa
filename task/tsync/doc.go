// Package tsync has channels, locks, timers and the like for tasks: where Go's own would block the thread of
// a worker, these park the task, and its worker goes on with another one.
//
//	var mu tsync.Mutex
//	ch := tsync.NewChan[int](0)
//	c.Go(func(c *task.Ctx) { _ = ch.Send(c, 1) })
//	v, ok, err := ch.Recv(c)
//	mu.Lock()
//	defer mu.Unlock()
//
// # One rule
//
// An operation that waits parks the task that calls it, or blocks the goroutine if the caller is no task. So tasks, of
// one scheduler or several, and ordinary goroutines meet at the same channel or lock. In the function of a task's Blocking the
// caller is a goroutine.
//
// Mutex, RWMutex, WaitGroup, Once, OnceFunc, OnceValue, OnceValues and Cond are those of package sync: porting is a change of
// the import. Nothing but its event ends a wait for them, so a task that waits so cannot be cancelled.
//
// Operations that take a context give up when it ends: LockContext, RLockContext and WaitContext, Semaphore.Acquire, the
// channels and Select. Any context will do; it says only how long. Then the operation returns its cause (see context.Cause), and
// nothing has changed: no value is lost or received, no unit taken, no lock held. If the context has ended at the call, the
// operation does nothing, whether it would have had to wait or not. An operation that another party has completed just before
// the context ended returns nil.
//
// If a method of the context panics, the operation panics and nothing has changed, as if the context had ended. If another
// party has completed the operation just before, the operation returns nil and the panic is dropped.
//
// In a task that is cancelled, operations under its Ctx return the cause. To clean up, or to wait for something nevertheless,
// call the form without a context or pass context.WithoutCancel(c).
//
// For a task, an operation that takes a context is a yield point, like task.Ctx.Checkpoint. One without gives way only to
// wait.
//
// # Guarantees
//
//   - Everything here orders memory as its counterpart in Go does: what comes before a send, an Unlock, a
//     Release, a Done, a Set happens before what comes after the operation that it lets go on.
//   - Queues are first-in-first-out. Exceptions, where strict order would cost a task switch at
//     each operation, are stated with the type; each is bounded.
//   - Nothing allocates in the steady state, except that a wait under another context than the task's own Ctx allocates the
//     watch over that context, that the cases of a Select are allocated when they are made, and that an unbounded channel
//     allocates room for a long backlog.
//   - A task that is woken by another one on the same scheduler runs next on the waker's worker.
//   - No type may be copied, which go vet checks.
//
// # Not guaranteed
//
//   - Detection of deadlocks.
package tsync
