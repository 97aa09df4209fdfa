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
// goes on. If a schedule fails, Run looks for the shortest one that fails likewise, and reports
// it: a string that replays it, and a table of what each task did, with the lines of your code.
//
// # What fails
//
//   - A failed assertion: the methods of [T], which suits testify's packages. The test's own t
//     works too, but then the first failing schedule is reported, because t cannot take its
//     failure back.
//   - A panic that the scheduler has no handler for.
//   - A deadlock: every task waits and no timer is pending. The report says what each waits for,
//     where, and which task has the lock. A wake-up that is lost ends so as well.
//   - A livelock: more than Config.Steps yield points.
//   - Tasks or goroutines that the body has started and that wait for ever after it has returned.
//   - A body that is not deterministic. A failing schedule is run twice, and compared.
//
// # Modes
//
// Begin with the zero [Config]. Mixed takes random schedules and PCT in turns. PCT gives the
// tasks random priorities and lowers one of them now and then: it holds up a task for long, which
// random choices hardly do. DepthFirst goes through all schedules with a bounded number of
// preemptions, and says so; it is for bodies with a few dozen steps. (Most bugs need no more than
// two preemptions.) [Fuzz] lets the fuzzer choose, which learns from the coverage of your code.
// [Pick] makes what the outside world decides a choice too.
//
// # Faults
//
// [Faults] are what goes wrong besides the order: a task that is cancelled, a wake-up that comes
// late, a clock that jumps, a queue that is full. They are part of the schedule, and few: one by
// default. A body that passes without them should be run with them too, as a second test.
//
// # Replay
//
// A schedule is a string such as v1:AAEBAdH9. It gives the same run in another process, on
// another machine and architecture, with and without the race detector, as long as the code under
// test does not change. Use it in two ways:
//
//	HEDDLE_SCHEDULE=v1:AAEBAdH9 go test -run '^TestTransfer$'
//	schedtest.Replay(t, "v1:AAEBAdH9", body) // to look at it again and again
//
// (The compiler decides which line a deferred call has in a report, and may decide otherwise with
// -race.)
//
// HEDDLE_TRACE=file writes the run as JSON, which ui.perfetto.dev shows. To keep a bug from
// coming back, keep the body: a string stands for the choices of one program, and a mended one
// has others.
//
// # Yield points
//
// All operations of heddle that other tasks can observe are yield points under test, also those
// that do not wait: Yield, Checkpoint, Go, Park, Ready, Cancel, Sleep, each operation of package
// tsync, of groups and futures, Fork and Join, a blocking call. What only looks is none:
// Event.IsSet, Task.State and Err, Completion.Ready, Ctx.Err and Cause, and Once.Do when the
// function has run. These are single loads, to which a test would add a cost elsewhere; nor is
// Waiter.Claim one. Between two yield points a task is not interrupted. So a variable that is
// read and written without a lock is not torn here: that is a data race, which go test -race
// finds, and it finds more of them if the tests explore schedules. Where code uses sync/atomic,
// call [task.Ctx.Checkpoint] between the operations to have them explored.
//
// # Time
//
// Each execution has a bubble of testing/synctest of its own. Time advances when every task
// waits, and at once: an hour takes some microseconds. This holds for Sleep, timers, deadlines,
// GoAfter and GoEvery, and for the standard library's time. It begins at midnight UTC 2000-01-01.
// While a task can run, time stands still, so a timeout never comes before a task that could have
// been in time.
//
// # How to write a body
//
// The same choices must lead to the same run.
//
//   - Make all that the tasks share inside the body. What one run leaves behind, such as a package
//     variable or a cache, changes the next.
//   - Take random numbers from [Rand]. Sort what comes from ranging over a map before it decides
//     anything.
//   - Use the c that a task is given, or [task.Current]. Take the scheduler from [Scheduler], not
//     from scheduler.New: tasks of another scheduler are not explored.
//   - Keep it small: two or three tasks that do one or two things each find most bugs.
//
// # What is not explored
//
//   - Plain goroutines. They run until they wait, before the next choice, so what they do among
//     themselves is not chosen, and not replayed if it matters.
//   - What blocks the worker: a native channel, a sync.Mutex that another task holds. If nothing
//     can go on, that is reported as a deadlock. Use package tsync, [task.Receive] or
//     [task.Ctx.Blocking]: their ends are chosen like other wake-ups.
//   - The memory model. The runs are sequentially consistent.
//   - Parallelism: pinning, stealing, priorities and time slices have no effect. Any task that
//     can run may run next.
//
// # Cost
//
// Import the package in tests only: in a program that has it, locks take their slow path
// everywhere. Other programs pay nothing. A schedule of a small body takes about as long as
// starting and closing a scheduler.
//
// # Beside other tools
//
// Package testing/synctest makes time virtual and leaves the order to the Go scheduler; here both
// are chosen, and code that uses goroutines rather than tasks is for synctest. The race detector
// finds unsynchronised accesses in the runs that it sees; schedtest finds wrong orders of
// synchronised ones, and shows the detector more runs. Fuzzing chooses inputs; with [Fuzz] they
// are schedules.
package schedtest
