// Package preempt is the flag, the slice and the monitor of the public package of that name, which tells how they are used, together
// with what only the scheduler needs: the timers that the monitor drives, a second way to reach a unit, and a look at a flag that
// charges nothing.
package preempt
