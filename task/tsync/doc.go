// Package tsync provides channels, locks, timers and other synchronisation for tasks. Go's own
// would block a worker's thread when a task waits. The types of this package park the task instead,
// and the worker goes on with another task.
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
// An operation that waits parks the calling task. If the caller is not a task, the operation blocks
// the calling goroutine. So tasks of one or several schedulers and ordinary goroutines can share a
// channel or a lock. A function that a task passes to Blocking counts as a goroutine.
//
// Mutex, RWMutex, WaitGroup, Once, OnceFunc, OnceValue, OnceValues and Cond have the methods of
// their counterparts in package sync, so that porting means changing the import. Their operations
// without a context wait until the event comes. Cancelling the task does not end such a wait.
//
// Operations that take a context give up when the context ends: LockContext, RLockContext,
// WaitContext, Semaphore.Acquire, the operations of channels, and Select. Any context will do,
// because the context only says how long to wait. When the context ends, the operation returns its
// cause (see context.Cause) and has had no effect: no value is lost or received, no unit is taken,
// no lock is held. If the context has already ended at the call, the operation has no effect even
// if it need not have waited. If another party completed the operation just before the context
// ended, the operation returns nil.
//
// If a method of the context panics, the operation panics too and has had no effect, as if the
// context had ended. If another party completed the operation just before, the operation returns
// nil and drops the panic.
//
// In a cancelled task, operations under its own Ctx return the cause. To clean up or to wait
// regardless, call the form without a context or pass context.WithoutCancel(c).
//
// For a task, an operation that takes a context is a yield point, like task.Ctx.Checkpoint. An
// operation without a context gives way only when it has to wait.
//
// The other operations never wait: Unlock and RUnlock, Add and Done, Go of a WaitGroup, Signal and
// Broadcast, Set, Reset and Release, Close, Len and Cap, Stop, and those whose names begin with
// Try. Any task or goroutine may call them.
//
// # Guarantees
//
//   - Everything here orders memory as its counterpart in Go does. What comes before a send, an
//     Unlock, a Release, a Done or a Set happens before what comes after the operation that the
//     send, Unlock, Release, Done or Set lets go on.
//   - Queues are first-in-first-out. A type that departs from strict order, because strict order
//     would cost a task switch at each operation, documents the exception, and each exception is
//     bounded.
//   - Nothing allocates in the steady state, with three exceptions. A wait under a context other
//     than the task's own Ctx allocates the watch on that context. Making a case for Select
//     allocates. An unbounded channel allocates room for a long backlog.
//   - A task that is woken by another task of the same scheduler runs next on the waker's worker.
//   - No type here may be copied. go vet reports copies.
//
// # Not guaranteed
//
//   - Deadlocks: no operation detects that it will wait for ever. If the scheduler was made with
//     scheduler.WithWaits, Scheduler.Deadlocks finds circles of tasks that wait for each other.
package tsync
