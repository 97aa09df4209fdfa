// Package schedtest tests tasks under schedules that it chooses, searches and replays, in virtual
// time.
//
//	func TestTransfer(t *testing.T) {
//		schedtest.Run(t, schedtest.Config{}, func(c *task.Ctx) {
//			var wg tsync.WaitGroup
//			b := newBank(100, 100)
//			wg.Go(func() { b.transfer(0, 1, 10) })
//			wg.Go(func() { b.transfer(1, 0, 20) })
//			wg.Wait()
//			require.Equal(schedtest.TOf(c), 200, b.sum())
//		})
//	}
//
// The function is the body. [Run] runs it as a task, named main, 1,000 times, each time under
// another schedule. One task runs at a time, and at each yield point schedtest chooses which task
// goes on. If a schedule fails, Run looks for the shortest schedule that fails likewise, and
// reports it: a string that replays it, and a table of what each task did, with the lines of your
// code.
//
// # What fails
//
//   - A failed assertion, by a method of [T], which suits testify's packages. The test's own t
//     works too. But after a failure of t, Run reports the first schedule that fails, not the
//     shortest one, because t cannot take a failure back.
//   - A panic for which the scheduler has no handler.
//   - A deadlock: every task waits, and no timer is pending. The report says what each task waits
//     for, where, and which task holds the lock. A lost wake-up ends like this, too.
//   - A livelock: a run with more than Config.Steps yield points.
//   - Tasks or goroutines of the body that wait for ever after it has returned.
//   - A body that is not deterministic. Run runs the first schedule and a failing schedule a second
//     time each, and compares the two runs.
//
// # Which mode
//
// Begin with the zero [Config]. Its mode, Mixed, takes random schedules and PCT (probabilistic
// concurrency testing) in turns. PCT gives the tasks random priorities, and lowers one of them now
// and then. So it holds up a task for long, which random choices hardly do. DepthFirst goes through
// all schedules with a bounded number of preemptions, and logs that it has tried all of them. It is
// for bodies with a few dozen steps. Most bugs need no more than two preemptions. With [Fuzz], the
// fuzzer of package testing chooses, and learns from the coverage of your code. Where the outside
// world decides something, call [Pick]: then schedtest decides it, as part of the schedule.
//
// # Faults
//
// Besides the order, a schedule can have [Faults]: a task is cancelled, a wake-up comes late, the
// clock jumps, the queue is full. By default no fault is allowed. If any is, a schedule has at most
// one, unless Faults.Most says otherwise. If a body passes without faults, run it with faults too,
// as a second test.
//
// # Replay
//
// A schedule is a string such as v1:AAEBAdH9. As long as the code under test does not change, the
// schedule gives the same run in another process, on another machine and architecture, with and
// without the race detector. Use it in two ways:
//
//	HEDDLE_SCHEDULE=v1:AAEBAdH9 go test -run '^TestTransfer$'
//	schedtest.Replay(t, "v1:AAEBAdH9", body) // to look at it again and again
//
// (Only the line that a report gives for a deferred call may differ with -race, because the
// compiler decides it.)
//
// HEDDLE_TRACE=file writes the run as JSON, which ui.perfetto.dev shows. To keep a bug from coming
// back, keep the body: a string stands for the choices of the program that failed, and the fixed
// program has other choices.
//
// # Yield points
//
// Under test, all operations of heddle that other tasks can observe are yield points, also those
// that do not wait: Yield, Checkpoint, Go, Park, Ready, Cancel, Sleep, each operation of package
// tsync, of groups and of futures, Fork and Join, and blocking calls. Operations that only look are
// no yield points: Event.IsSet, Task.State and Err, Completion.Ready, Ctx.Err and Cause,
// Waiter.Claim, and Once.Do when its function has run. They are single loads, and a check for a
// yield point in them would cost other programs time.
//
// Between two yield points a task is not interrupted. So a variable that is read and written
// without a lock is not torn here. That is a data race, and go test -race finds it. The race
// detector finds more data races if the tests explore schedules. Where code uses sync/atomic, call
// [task.Ctx.Checkpoint] between the operations to have their orders explored.
//
// # Time
//
// Each run has a bubble of testing/synctest of its own. Time advances only when every task waits,
// and then it jumps to the next timer: an hour takes some microseconds. This holds for Sleep,
// timers, deadlines, GoAfter and GoEvery, and for the standard library's time. Time begins at
// midnight UTC 2000-01-01. While a task can run, time stands still. So a timeout never comes before
// a task that could have been in time, unless a fault makes the clock jump.
//
// # How to write a body
//
// The same choices must lead to the same run.
//
//   - Make everything that the tasks share inside the body. What one run leaves behind, such as a
//     package variable or a cache, changes the next run.
//   - Take random numbers from [Rand]. Sort what ranging over a map yields before anything depends
//     on its order.
//   - Use the c that a task is given, or [task.Current]. Take the scheduler from [Scheduler], not
//     from scheduler.New: tasks of another scheduler are not explored.
//   - Keep it small. Two or three tasks that do one or two things each find most bugs.
//
// # What is not explored
//
//   - Plain goroutines. Before each choice schedtest lets them run until all of them wait. So
//     schedtest does not choose the order among the goroutines. A replay may differ if anything
//     depends on that order.
//   - Operations that block the worker: a native channel, or a sync.Mutex that another task holds.
//     If nothing can go on, Run reports a deadlock. Use package tsync, [task.Receive] or
//     [task.Ctx.Blocking]: schedtest chooses when they end, as with other wake-ups.
//   - The memory model. All runs are sequentially consistent.
//   - Parallelism. Pinning, stealing, priorities and time slices have no effect: any task that can
//     run may run next.
//
// # Cost
//
// Import this package in tests only. In a program that has it, locks always take their slow paths.
// Other programs pay nothing. A schedule of a small body takes about as long as starting and
// closing a scheduler.
//
// # Beside other tools
//
// Package testing/synctest makes time virtual, and leaves the order to the Go scheduler. Schedtest
// chooses both, but only among tasks: code that uses goroutines is for synctest. The race detector
// finds unsynchronised accesses in the runs that it sees. Schedtest finds wrong orders of
// synchronised accesses, and shows the detector more runs. Fuzzing chooses inputs, and with [Fuzz]
// the inputs are schedules.
package schedtest
