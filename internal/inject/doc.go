// Package inject is the queue for the tasks that do not come from a worker: tasks that goroutines
// submit or make ready, and tasks whose timers sysmon has found expired. It also holds all high and
// low tasks, whether a worker queues them or a goroutine.
//
// A [Queue] is first-in-first-out for each level. Without a limit it is unbounded. A mutex guards
// it. Goroutines wait for the mutex, which costs them little. Workers only try it when they look
// for tasks, and take a batch at a time.
//
// # Levels
//
// A task's level is in its status word, which the party that queues the task has touched anyway.
// Each level has its queue. One word, ranked, holds the numbers of high and low tasks. While it is
// 0, a worker that looks for work pays one load for the levels. A worker that is about to sleep
// looks at ranked and at the number of normal tasks. Both are written after the task is in its
// queue (Sleep-P1 of the sleep protocol: see package idle).
//
// # The limit
//
// With a limit, submissions that have not started wait in queues of their own, one for each level,
// because tasks that have started must be neither refused nor dropped. Workers take in turn from
// these queues and from the queues of woken tasks. They take one submission at a time, because the
// scheduler could neither count a submission in a worker's own queue as waiting nor drop it.
//
// The limit bounds the number of submissions that have room. A submission takes room by Reserve,
// before it is in the queue, and gives the room back when a worker takes it from the queue. While
// submitters are blocked, no other submission finds room: the worker passes the room at once to the
// submitter that was blocked first, and itself queues the task of that submitter. So the queue
// stays full even if the blocked goroutines are slow to run, and no submitter overtakes another.
//
// A blocked submission ([Blocked]) is in a list until one party takes it out, under the mutex. That
// party decides what becomes of the submission:
//
//	submitter                               worker, Shutdown, canceller of the task
//	Block-B1  count the task as live; look  Block-K1  Shutdown and Close set the phase
//	          at the scheduler's phase      Block-K2  under the mutex: take the submission, or
//	Block-B2  under the mutex (Block):                all, out of the list; a worker queues
//	          look at the phase again; if             its task
//	          there is no room, enter the   Block-K3  wake the submitter
//	          list
//	Block-B3  wait
//
// If Block-B2 comes before Block-K2, Block-K2 finds the submission. Otherwise Block-K1 comes before
// Block-B2, and the submitter sees the phase at Block-B2. For the Block-K2 of a worker no such
// argument is needed: while a submission is blocked, other submissions have room, and a worker that
// takes one of those does Block-K2. Because of the count of Block-B1, the scheduler does not count
// as quiet until the submitter's task has been queued and has run, or is no longer counted.
//
// The model of this protocol is TestModelBlock. It is in package engine, because the phase is
// there.
package inject
