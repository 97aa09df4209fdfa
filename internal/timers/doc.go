// Package timers has the timer queues of a scheduler.
//
// A [Set] has a [Queue] for each worker, where the worker's tasks arm their timers, and one for all
// other callers. Any party may fire the timers of any queue, so a task that holds its worker for
// long delays no timer. Every worker fires the timers that are due while it looks for work, and
// when the budget of its task is spent: those of its own queue first, then those of the others, a
// few queues at a time. sysmon fires those of all queues at its ticks.
//
// A queue is a 4-ary heap of timers under a lock, with the earliest timer at the root. Arming and
// disarming never wait for this lock:
//
//   - Arm pushes the timer on a lock-free stack. A later holder of the lock moves the timers of the
//     stack to the heap.
//   - Disarm only marks the timer as spent. A later holder of the lock drops the spent timer when
//     it comes to it. If half of the queue is spent, Disarm tries the lock, and if it gets the lock
//     it drops all spent timers.
//
// Workers, too, only try the lock: while one worker fires timers, the others go on. If the
// operating system stops a worker that holds the lock, due timers fire late, but no task that arms
// or disarms a timer waits.
//
// # No timer is hidden
//
// One word of each queue, first, says when its earliest timer is due. Workers and sysmon decide
// by it alone whether to take the lock. The holder of the lock raises first after it has taken
// timers out. That must not hide a timer that another party arms at the same time:
//
//	party that arms a timer                   holder of the lock
//	Arm-A1  push the timer on the stack       Arm-E1  take all timers of the stack
//	Arm-A2  lower first to the timer's        Arm-E2  store the earliest time of the heap to
//	        time, if first is later                   first
//	Arm-A3  call kick, which has sysmon       Arm-E3  look at the stack again; if it has
//	        wake up in time                           timers, go on from Arm-E1, and call
//	                                                  kick as in Arm-A3
//
// If Arm-A1 comes before Arm-E3, the holder sees the timer at Arm-E3 and itself does the work of
// Arm-A2 and Arm-A3. Otherwise Arm-A2 comes after Arm-E2, so first is right. From then on only a
// holder that has taken the timer from the stack raises first.
//
// The steps are about one queue. A party that looks at all queues reads first of one after the
// other, and a queue may change after it was read. So such a party first publishes what the party
// that arms a timer looks at in Arm-A3: that a worker sleeps, or until when sysmon sleeps. Then
// either Arm-A2 comes before the look at that queue, and the look sees the timer, or Arm-A3 comes
// after the publication and sees that. A queue that a new worker brings is in the list before any
// timer is in it, so the same holds for the look at the list.
//
// # One end for each arming
//
// After each Arm, the party that fires the timer claims it, or another party disarms it. Both
// change the state of the timer by a CAS, so only one of them succeeds: see [rt.Timer].
//
// # Clocks
//
// With a [Clock], a Set has one queue. Its First is always 0, so workers and sysmon leave the queue
// alone. The queue tells the clock the earliest time, and the clock calls the queue when that time
// has come: see clock.go.
package timers
