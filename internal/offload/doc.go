// Package offload runs the functions of blocking calls on goroutines that are no tasks, and has the
// steps by which a worker is taken from a task that makes such a call on the spot.
//
// A [Pool] has blockers: goroutines that run the functions of task.Ctx.Blocking where the task does
// not call them itself. A blocker also relieves a task that does: the package comment's last part
// and package scheduler's spot.go say how.
//
// # Handing a job to a blocker
//
// The goroutine that takes a blocker out of the list of idle ones passes it a job:
//
//	blocker                               goroutine that has taken it out
//	B1 polls: state polling               S1 set job
//	B2 enough: CAS polling to blocked;    S2 CAS polling to given; done if that succeeds
//	   if that fails, job is there
//	B3 receive from wake; job is there    S3 count a goroutine that is owed a P, send to wake
//
// B2 and S2 change the same word, so one is first, and the other one learns of it. Only a blocker
// that blocks is owed a P: one that polls has one.
//
// # The limit
//
// The number of functions that run at once, on blockers and on the spot, is bounded:
//
//	ends one                       begins one
//	R1 count it out                Q1 queue it, under mu
//	R2 load whether any is         Q2 count it in, if there are fewer than the limit, and take the first
//	   queued; if so, do Q2           of the queue
//
// If R2 does not see that of Q1, R1 comes before Q2. A call on the spot gives way to what is
// queued.
//
// # Calls on the spot
//
// A task may call the function on its own stack and thread, which costs no switch. While the
// function runs, nothing serves the worker's queues. If that lasts, and there is work, a blocker
// relieves the task of its worker: the blocker goes on as the worker with another fiber, and the
// task, when the function returns, finds its worker gone and goes back to the queue. So the
// goroutine under the worker changes; the worker's queues, number and counters stay where they are.
//
//	task in the call                         relief, a blocker              a goroutine that queues a task
//	E1 Active -> Waiting; the worker         A1 lower the alert             P1 queue it
//	   names no task and no fiber            A2 look for workers that       P2 load state: a worker is inside
//	E2 store the time in its Spot; count        are inside, and for work       and none searches
//	   the worker as inside                  T1 CAS the Spot from that      P3 wake one that sleeps, or else
//	E3 look for work; if there is some,         time to 0                      raise the alert
//	   do as P2 and P3                       T2 switch to a loop fiber of
//	   call the function                        the worker
//	E4 CAS the Spot from that time to 0      T3 commit: note that the
//	E5 if that fails, wait for T3               relief's fiber sleeps
//	E6 exchange places with that fiber       T4 wake and queue the task
//
// No work is left behind. P2 comes after E2, and sees the worker; or E3 comes after P1, and sees
// the work. A caller that finds the alert raised has come before A1, so A2 sees what it saw. The
// relief may find that the call is young: then it raises the alert again for itself, lets the Go
// scheduler run others, and looks again. If it finds a worker that sleeps, it wakes that one
// instead, by the rules of the sleep protocol, and leaves the call alone.
//
// The worker is one goroutine's at any time. E4 and T1 change the same word, so one of them is
// first. Before that all of the worker is the task's. Afterwards, if T1 was first, it is the
// relief's and then its loop fibers'; the task keeps its own fiber and what it has in common with
// the relief, and touches the worker no more. All calls of a worker have different times, also
// where the clock stands still. So neither E4 nor T1 can meet another call than the one whose time
// it has read: a task that comes back late never finds its time again, although others have made
// calls on its worker meanwhile.
//
// No fiber is switched to while it runs. The relief's fiber is given to the task by T3, when it
// sleeps, and only the task switches to it. The task's fiber sleeps from E6 on, and only T4 makes
// the task one that others find: only the relief wakes a task from a wait for WakeOnly.
//
// How the alert becomes a turn of the relief: a relief is a goroutine that is ready to run. If the
// function blocks in a system call, the Go runtime takes the P away from the thread, after 20 us at
// the earliest as for any goroutine, and the first thing that this P runs is the relief. If the
// function returns before that, the relief has not run, and the next call finds the alert raised.
// So short calls pay nothing for it. With idle Ps a relief runs at once and finds nothing; so the
// number of calls that raise no alert doubles with each relief in vain, and sysmon looks after
// those that are long.
package offload
