// Package timers is the timer queue of a scheduler.
//
// A [Queue] belongs to no worker, so a task that holds its worker for long delays no timer. Every
// worker fires what is due while it looks for work and when the budget of its task is spent, and
// sysmon does so at its ticks.
//
// The queue is a 4-ary heap of timers, the earliest first, under a lock. Arming and disarming never
// wait for this lock:
//
//   - Arm pushes the timer on a lock-free stack. The holders of the lock move the stack's timers to
//     the heap.
//   - Disarm only marks the timer. The holder of the lock drops a marked timer when it meets it.
//     When half of the queue is marked, Disarm tries the lock, and sweeps if it gets it.
//
// Workers only try the lock, too: while one worker fires, the others go on. So if the operating
// system stops a worker that holds the lock, what is due is late, but no task that arms or disarms
// a timer is held up.
//
// # No timer is hidden
//
// One word, first, says when the earliest timer is due. Workers and sysmon look at nothing else.
// The holder of the lock raises first after it has taken timers out. That must not hide a timer
// that is armed at the same time:
//
//	arms                                    holds the lock
//	A1 push the timer on the stack          E1 take all timers of the stack
//	A2 lower first, if that is later        E2 store the earliest time of the heap to first
//	A3 call kick, which has sysmon wake     E3 look at the stack again; if it has timers, go on from
//	   up in time                              E1, and call kick as in A3
//
// If A1 comes before E3, then E3 sees the timer, and its holder does the work of A2 and A3.
// Otherwise A2 comes after E2, and from then on first is raised only by a holder that has taken the
// timer from the stack.
//
// # One end for each arming
//
// A timer ends its arming by being claimed or by being disarmed, each with a CAS of its state: see
// [rt.Timer].
//
// # Clocks
//
// With a [Clock], workers and sysmon leave the queue alone: First is 0 for ever. The queue passes
// the earliest time to the clock, which calls back when it has come: see clock.go.
package timers
