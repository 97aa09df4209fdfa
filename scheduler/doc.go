// Package scheduler runs lightweight tasks on a fixed pool of workers, each of them
// an operating system thread.
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
// # How work is found
//
// Each worker has a queue of its own, from which idle workers steal. A worker takes, in this
// order: the task that the present one has just made ready (three times in a row at
// most) or started (for a quantum in a row at most: the newest child goes first, as with go), its own queue, first in first
// out, what came from outside the pool (and that first of all every 61st time), expired timers, half of another worker's queue.
// Then it looks around for some microseconds and goes to sleep; an idle scheduler uses no CPU.
//
// High tasks come before all of these and low ones last, without starving anybody: see [task.Priority].
//
// # While it runs
//
// [Scheduler.GoAfter] and [Scheduler.GoEvery] submit for later. [Scheduler.Wait] waits until there is no task,
// [Scheduler.Pause] stops all of them at their yield points until [Scheduler.Resume], [Scheduler.Resize] changes the number of
// workers, [WithQueueLimit] bounds what may wait. [Scheduler.Stats] counts, and [Scheduler.Dump] says what each task is waiting for.
//
// # Guarantees
//
//   - A task that was accepted is run exactly once, or ends as cancelled, or as dropped from a full queue where
//     [WithQueueLimit] says so.
//   - While a worker is free, no runnable task waits behind a busy one, whether
//     it has started before or not.
//   - With tasks that yield, checkpoint or park, every runnable task gets its turn after a bounded
//     number of dispatches.
//   - After Close or a successful Shutdown no goroutine of the scheduler is left.
//
// # Not guaranteed
//
//   - A task without yield points is not interrupted. It holds its worker, not the
//     others, and is reported as a [Stall].
//   - A fixed relation between worker and thread is kept as far as the Go runtime lets: it may move
//     a worker when it stops the world in the nanoseconds of a switch. [Stats] counts that.
package scheduler
