// Package idle knows which workers of a scheduler search for work and which sleep, and puts them to
// sleep.
//
// A [Set] keeps, in one word, how many workers search, how many are inside a blocking call and how
// many sleep; and under a mutex, which ones sleep. It wakes the worker that went to sleep last,
// because that one's caches are warmest. A [Parker] is what one worker sleeps on.
//
// # The sleep protocol
//
// No worker sleeps while a task waits that no other worker comes for. The steps are those of the
// scheduler's workers, which use this package:
//
//	producer                              worker
//	Sleep-P1 queue the task               Sleep-W1 find nothing anywhere
//	Sleep-P2 look for sleepers and        Sleep-W2 announce that it sleeps
//	         searchers                    Sleep-W3 look again
//	Sleep-P3 claim a sleeper; wake it     Sleep-W4 sleep
//	                                      Sleep-W5 stop searching; the last one looks again
//
// From here on P1 is short for Sleep-P1, and so on, as in the comments of package scheduler.
//
// The producer, which makes a task runnable:
//
//   - P1 puts the task into a queue: a deque, or the injector.
//   - P2 loads the word (NeedsWake). If no worker sleeps, or some worker searches, it is done.
//   - P3 otherwise claims a sleeper (Claim): under the mutex, by one CAS from "no searcher" to "one
//     searcher and one sleeper fewer". If the CAS finds a searcher after all, the producer is done.
//     Otherwise it wakes the claimed worker, which comes back as a searcher.
//
// The worker:
//
//   - W1 has looked everywhere and found nothing.
//   - W2 announces that it sleeps (Sleep): one atomic addition adds a sleeper and, if the worker was
//     registered as a searcher, takes that back.
//   - W3 looks again at all queues and at the timers. If there is something, the worker claims
//     itself (ClaimThis), is a searcher, and looks everywhere again. If it cannot, a producer has
//     claimed it, and W4 returns at once.
//   - W4 sleeps until it is woken, and is a searcher then.
//   - W5 A searcher that has found a task stops being one (StopSearch). If it was the last one, it
//     looks at all queues as in W3, and if there is something it does P2 and P3.
//
// # Why no task is left behind
//
// Claim: after P1, as long as the task stays in its queue, either no worker sleeps, or some worker
// is on its way to the task. A worker is on its way if it searches, or if it is between W2 and W3
// or in the look of W5, with that look still to come.
//
// All steps are atomic operations, which Go puts into one sequence, or are published by one, as the
// deques and the injector do. The load of P2 comes after P1. Consider what it can read.
//
// Case A: some worker searches. Take the searchers that are registered at that moment. Each of them
// stops by W2 or by W5, in one atomic operation that comes after the load and so after P1. A
// searcher that stops by W2 goes on to W3, which sees the task, or sees that it has been taken. A
// searcher that stops by W5 and is not the last leaves another searcher behind, for which the same
// holds. If it is the last, it looks, sees the task, and becomes a producer at P2 itself. So at
// every moment there is a searcher, or a worker that has stopped with its look to come, or a P2
// that goes through these cases anew.
//
// Case B: no worker searches, and some worker sleeps. P3 follows. If its CAS succeeds, a worker
// comes back as a searcher: case A with this one. If no sleeper is left: case C. If some worker
// searches by now: case A, at the load of P3.
//
// Case C: no worker searches, and none sleeps. Then every worker is busy. A worker that becomes
// free passes W2 after the load, hence after P1, and its W3 sees the task. If it cannot claim
// itself there, a producer has claimed it, and it comes back as a searcher.
//
// A task can be moved meanwhile. It goes from the injector to a deque in a batch. The worker lowers
// the injector's count last, so a look sees the batch in one place or the other, and then the
// worker does P2 and P3 for what it put into its deque. A thief takes a batch out of the victim's
// deque before its own deque shows it, so a look in between sees it in neither. If the thief is a
// registered searcher, it passes W5 after that: if it is the last one, it looks itself; otherwise a
// searcher is left, which stops later still. A thief that is not registered, such as a task that
// yields and finds its own worker's queues empty, has to do P2 and P3 for the rest of its batch.
//
// A timer is a producer without a thread: W3 sees the timers that are due, and sysmon expires the
// others.
//
// A worker inside a blocking call does not sleep, but does not serve its queues either. For P2 it
// counts as a sleeper; P3 then has a blocker relieve the task of its worker: see package
// scheduler's spot.go.
//
// The model of all this is TestModelSleepWake in package scheduler, since it takes the whole search
// for work.
package idle
