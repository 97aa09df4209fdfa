// Package idle knows which workers of a scheduler search for work and which sleep, and puts them to
// sleep.
//
// A [Set] counts, in one word, the workers that search, those that are inside a blocking call, and
// those that sleep. Under a mutex it also lists the workers that sleep. It wakes the worker that
// went to sleep last, because the caches of that worker are the warmest. Each worker sleeps on a
// [Parker] of its own.
//
// # The sleep protocol
//
// While a task waits in a queue, either no worker sleeps, or some worker is on its way to the task.
// Package engine takes these steps, with the methods of this package:
//
//	producer                              worker
//	Sleep-P1 queue the task               Sleep-W1 find nothing anywhere
//	Sleep-P2 look for sleepers and        Sleep-W2 announce that it sleeps
//	         searchers                    Sleep-W3 look again
//	Sleep-P3 claim a sleeper; wake it     Sleep-W4 sleep
//	                                      Sleep-W5 stop searching; the last one goes on at Sleep-P2
//
// The producer, which makes a task runnable:
//
//   - Sleep-P1 puts the task into a queue: a deque, or the injector.
//   - Sleep-P2 loads the word (NeedsWake). If no worker sleeps, or some worker searches, the
//     producer is done.
//   - Sleep-P3 claims a sleeper (Claim). Under the mutex, one CAS changes "no searcher" to "one
//     searcher, and one sleeper fewer". If there is a searcher after all, the CAS fails, and the
//     producer is done. Otherwise the producer wakes the claimed worker, which is a searcher from
//     then on.
//
// The worker:
//
//   - Sleep-W1 has looked everywhere and found nothing.
//   - Sleep-W2 announces that it sleeps (Sleep). One atomic addition adds a sleeper and, if the
//     worker was registered as a searcher, subtracts a searcher.
//   - Sleep-W3 looks again at all queues and at the timers. If it finds a task or a due timer, the
//     worker claims itself (ClaimThis), which makes it a searcher, and looks everywhere again. If
//     it cannot claim itself, a producer has claimed it, and Sleep-W4 returns at once.
//   - Sleep-W4 sleeps until another party wakes the worker. That party has claimed it, so it is a
//     searcher then.
//   - Sleep-W5 has found a task and stops being a searcher (StopSearch). If the worker was the last
//     searcher, it does Sleep-P2. If that leads on to Sleep-P3, the worker first looks at all queues
//     as in Sleep-W3, and does Sleep-P3 only if it finds a task there.
//
// # Why no task is left behind
//
// Claim: after Sleep-P1, as long as the task stays in its queue, either no worker sleeps, or some
// worker is on its way to the task. A worker is on its way if it searches, or if it is between
// Sleep-W2 and Sleep-W3 or in the look of Sleep-W5, with that look still to come.
//
// Each step is an atomic operation, or an atomic operation publishes it, as in the deques and the
// injector. Go puts all atomic operations into one sequence. The load of Sleep-P2 comes after
// Sleep-P1. Consider what it can read.
//
// Case A: some worker searches. Take the searchers that are registered at that moment. Each of them
// stops by Sleep-W2 or by Sleep-W5, in one atomic operation that comes after the load and so after
// Sleep-P1. A searcher that stops by Sleep-W2 goes on to Sleep-W3, which sees the task, or sees
// that it has been taken. If a searcher stops by Sleep-W5 and is not the last, another searcher is
// left, and the same holds for that one. If it is the last, it becomes a producer at Sleep-P2 itself,
// and its look in case B sees the task, or sees that it has been taken. So at every moment there is a
// searcher, or a worker that has stopped with its look to come, or a Sleep-P2 that goes through these
// cases anew.
//
// Case B: no worker searches, and some worker sleeps. Sleep-P3 follows. If its CAS succeeds, a
// worker comes back as a searcher, and case A holds with this worker. If Sleep-P3 finds no sleeper
// left, case C holds. If Sleep-P3 finds a searcher, case A holds with the load of Sleep-P3 in place
// of that of Sleep-P2.
//
// Case C: no worker searches, and none sleeps. Then every worker is busy. A worker that becomes
// free passes Sleep-W2 after the load, hence after Sleep-P1, and its Sleep-W3 sees the task. If it
// cannot claim itself there, a producer has claimed it, and it comes back as a searcher.
//
// A worker may move the task meanwhile. One way is in a batch from the injector to its deque. The
// worker lowers the injector's count last, so a look sees the batch in one place or the other. Then
// the worker does Sleep-P2 and Sleep-P3 for the tasks that it put into its deque. The other way is
// a theft. A thief takes a batch out of the victim's deque before its own deque shows the batch, so
// a look in between sees the batch in neither. If the thief is a registered searcher, it passes
// Sleep-W5 after that. If it is the last searcher, it looks itself; otherwise a searcher is left,
// which stops later still. A thief that is not registered, such as a task that yields and finds its
// own worker's queues empty, has to do Sleep-P2 and Sleep-P3 for the rest of its batch. A worker
// that reverses its newest children (orderSiblings in package engine), or drops stale entries
// (dropStale), hides tasks for a moment, and does Sleep-P2 and Sleep-P3 afterwards.
//
// No thread does Sleep-P1 to Sleep-P3 for a timer that becomes due. Instead Sleep-W3 sees the
// timers that are due by then, and sysmon fires the later ones.
//
// A worker inside a blocking call does not sleep, but it does not serve its queues either. Sleep-P2
// counts it like a sleeper. If Sleep-P3 finds only such workers, the producer has a blocker take
// the worker over from the task in the call: see package engine's spot.go.
//
// The model of this protocol is TestModelSleepWake. It is in package engine, because it needs
// the whole search for work.
package idle
