// Package inject is the queue for the tasks that do not come from a worker: tasks that goroutines
// submit or make ready, and tasks whose timers sysmon has found expired. It also holds all high and
// low tasks, whether a worker queues them or a goroutine.
//
// A [Queue] is first-in-first-out for each level. Without a limit it is unbounded. A mutex guards
// it: goroutines wait for it, which they are good at; workers only try it, and come for batches.
//
// # Levels
//
// A task's level is in its status word, which the goroutine that queues the task has touched
// anyway. Normal tasks are in one queue, and high and low tasks in one each, whose lengths stand in
// one word. While that is 0, a worker that looks for work pays one load for the levels. A worker
// that is about to sleep looks at this word and at the number of normal tasks, and they are written
// after the task is in its queue (P1 of the sleep protocol: see package idle).
//
// # The limit
//
// With a limit, submissions that have not started wait in queues of their own, one for each level,
// because tasks that have started must be neither refused nor dropped. Workers take from these
// queues and from those of woken tasks in turn, one task at a time: once a submission is in a
// worker's own queue, it could no longer be counted as waiting, nor be dropped.
//
// The limit bounds the submissions that have room: those that wait, and those that are being
// prepared with room that was promised to them. Reserve takes room, and taking a submission from
// the queue gives it back. While submitters are blocked there is no room: a worker passes the room
// that it gives back to the first of them at once, and queues that one's task itself. So the queue
// stays full even if the blocked goroutines are slow to run, and no submitter overtakes another.
//
// A blocked submission ([Blocked]) is in a list until one party takes it out, under the mutex, and
// that decides what becomes of it:
//
//	submitter                              worker, Shutdown, canceller of the task
//	B1 count the task as live; look at     K1 Shutdown and Close set the phase
//	   the scheduler's phase               K2 under the mutex: take it, or all, out of the
//	B2 under the mutex (Block): look at       list; a worker queues its task
//	   the phase again; if there is no     K3 wake the submitter
//	   room, enter the list
//	B3 wait
//
// Either B2 comes before K2, which then finds the submission; or K1 comes before B2, and the
// submitter sees the phase there. The K2 of a worker needs no such care: it only follows from a
// submission ahead in the queue, and a worker takes each of those some time. Because B1 counts, the
// scheduler is not quiet before the submitter's task either has been queued and has run, or is not
// counted any more.
//
// The model of this is TestModelBlock in package scheduler, which has the phase.
package inject
