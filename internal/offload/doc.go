// Package offload runs the functions of blocking calls on goroutines that are not tasks. It also
// has the steps by which a relief takes a worker over from a task that makes such a call itself, on
// the spot.
//
// A [Pool] has blockers. A blocker is a goroutine that runs functions of task.Ctx.Blocking that the
// tasks do not call themselves. A blocker can also become a relief, which takes the worker over
// from a task that does call its function: see the last part of this comment, and package
// engine's spot.go.
//
// # Handing a job to a blocker
//
// The party that takes a blocker out of the list of idle blockers passes it a job:
//
//	blocker                                party that has taken it out
//	Job-B1  poll, in state polling         Job-S1  set job
//	Job-B2  give up: CAS polling to        Job-S2  CAS polling to given; done if that succeeds
//	        blocked; if that fails, job    Job-S3  raise Config.Shared.ReadyGoroutines, send
//	        is set                                 to wake
//	Job-B3  receive from wake; job is set
//
// Job-B2 and Job-S2 change the same word, so one of them comes first, and the other one fails.
// Job-S3 counts a goroutine that needs a P, unless the job is a relief. Job-S2 need not, because a
// blocker that polls has a P.
//
// # The limit
//
// The number of functions that run at once, on blockers and on the spot, is bounded:
//
//	party that ends a function         party that begins one
//	Limit-R1  count it out             Limit-Q1  queue its job, under mu
//	Limit-R2  load whether any job     Limit-Q2  if fewer functions than the limit are
//	          is queued; if so, do               counted, count one in and take the first
//	          Limit-Q2                           job of the queue
//
// If Limit-R2 does not see the job of Limit-Q1, Limit-R1 comes before Limit-Q2, so Limit-Q2 sees
// the lower count. While jobs are queued, no call begins on the spot.
//
// # Calls on the spot
//
// A task may call the function on its own stack and thread, which costs no switch. While the
// function runs, no goroutine serves the worker's queues. If the call lasts and there is work, a
// blocker becomes a relief: it goes on as the worker, with another fiber. When the function
// returns, the task finds that its worker is taken, and goes back to the queue. So only the
// goroutine under the worker changes. The worker keeps its queues, its number and its counters.
//
//	task in the call                           relief, a blocker
//	Spot-E1  Active -> Waiting; the worker     Spot-A1  lower the alert
//	         names no task and no fiber        Spot-A2  look for workers that are inside,
//	Spot-E2  store the time in the worker's             and for work
//	         Spot; count the worker as         Spot-T1  CAS the Spot from that time to 0
//	         inside                            Spot-T2  switch to a loop fiber of the
//	Spot-E3  look for work; if there is some,           worker
//	         do Sleep-P2 and Sleep-P3          Spot-T3  that fiber notes that the relief's
//	         call the function                          fiber sleeps
//	Spot-E4  CAS the Spot from that time to 0  Spot-T4  the relief, which runs again after
//	Spot-E5  if that fails, wait for Spot-T3            Spot-E6, wakes and queues the task
//	Spot-E6  exchange places with the
//	         relief's fiber
//
//	party that queues a task
//	Sleep-P1  queue it
//	Sleep-P2  load the idle set: a worker is inside and none searches
//	Sleep-P3  wake a sleeping worker, or else raise the alert
//
// No work is left behind. Either Sleep-P2 comes after Spot-E2 and sees the worker, or Spot-E3 comes
// after Sleep-P1 and sees the work. If a party finds the alert raised already, it comes before the
// next Spot-A1, so Spot-A2 sees the work that it saw. If the relief finds only young calls, it
// raises the alert again for itself, lets the Go scheduler run other goroutines, and looks again.
// If it finds a worker that sleeps, it wakes that worker instead, by the sleep protocol, and leaves
// the calls alone.
//
// At any time one goroutine owns the worker. Spot-E4 and Spot-T1 change the same word, so one of
// them comes first. Before that the task owns the worker. If Spot-T1 comes first, the relief owns
// the worker afterwards, and then its loop fibers do. The task keeps its own fiber and the record
// that it shares with the relief, and touches the worker no more. All calls of a worker have
// different times, even if the clock stands still. So the CAS of Spot-E4 or Spot-T1 succeeds only
// for the call whose time it has read. If other tasks have made calls on the worker meanwhile, a
// task that comes back late does not find its time again.
//
// No party switches to a fiber that runs. Spot-T3 gives the relief's fiber to the task when that
// fiber sleeps, and only the task switches to it. The task's fiber sleeps from Spot-E6 on. No other
// party finds the task before Spot-T4, because the task waits ForWakeOnly, and only the relief
// wakes it.
//
// When does a relief run? The party that raises the alert makes a blocker ready to run. If the
// function blocks in a system call, the Go runtime takes the P away from the thread after 20 us or
// more, as for any goroutine, and first runs the relief on this P. If the function returns earlier,
// the relief has not run, and the next call finds the alert raised already. So short calls pay
// nothing for the alert. If there are idle Ps, the relief runs at once and finds only young calls.
// So after each relief in vain, more chances to raise the alert are left out, twice as many each
// time, and sysmon looks for calls that are long.
package offload
