// Package scheduler runs lightweight tasks on a fixed pool of workers. Each worker is an operating
// system thread.
//
//	sched, err := scheduler.New()
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer sched.Close()
//
//	t := sched.Go(func(c *task.Ctx) {
//		// runs on a worker; c parks, yields, sleeps, starts further tasks
//	})
//	err = t.Wait()
//
// The documentation uses a few words throughout. A yield point is a call at which a task may give
// its worker to another task: [task.Ctx.Yield], [task.Ctx.Checkpoint] and every operation that
// waits. A dispatch is one stay of a task on a worker, and the quantum is how long it may last
// while other tasks are runnable: see [WithQuantum]. The monitor is a goroutine of the scheduler
// that watches the workers: it asks tasks to give way, reports stalls, and fires timers while all
// workers are busy or asleep.
//
// # How work is found
//
// Each worker has its own queue, and idle workers steal from the queues of the others. A worker
// looks for its next task in this order:
//
//   - the task that the last one made ready (at most three times in a row) or started (for at most
//     a quantum in a row; the newest child goes first, as with the go statement);
//   - its own two queues, in turns: tasks that have begun, first in, first out; and children that
//     have not begun, the newest family first, so that a tree of tasks is visited depth first;
//   - the queue of submissions from outside the pool, which every 61st look visits first;
//   - expired timers;
//   - half of another worker's queue.
//
// If it finds nothing for some microseconds, the worker goes to sleep. An idle scheduler uses no
// CPU.
//
// High tasks come before all of these and low tasks last, but neither starves: see [task.Priority].
//
// # While it runs
//
// [Scheduler.GoAfter] and [Scheduler.GoEvery] submit for later. [Scheduler.Wait] waits until all
// tasks have ended. [Scheduler.Pause] stops all tasks at their yield points until
// [Scheduler.Resume]. [Scheduler.Resize] changes the number of workers. [WithQueueLimit] bounds the
// number of queued submissions. [Scheduler.Stats] counts, [Scheduler.Tasks] lists the tasks, and
// [Scheduler.Dump] writes what each of them waits for.
//
// # Guarantees
//
//   - An accepted task runs exactly once, unless it ends as cancelled before it starts, or as
//     dropped from a full queue under the policy [DropOldest].
//   - While a worker is free, no runnable task waits behind a busy worker, whether the task has
//     started before or not.
//   - If all tasks yield, checkpoint or park, every runnable task gets its turn after a bounded
//     number of dispatches.
//   - After Close or a successful Shutdown no goroutine of the scheduler is left.
//
// # Not guaranteed
//
//   - The scheduler does not interrupt a task without yield points. Such a task holds its worker
//     but no other, and the scheduler reports it as a [Stall].
//   - A worker stays on its thread only as far as the Go runtime permits. The runtime may move a
//     worker if it stops the world in the nanoseconds of a switch. [Stats] counts such moves.
package scheduler
