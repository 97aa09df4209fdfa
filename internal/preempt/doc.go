// Package preempt implements the public package of the same name, whose doc explains how to use it.
// It adds what only the scheduler needs: the monitor calls a Tick for timers, [Nudger] is a second
// way to reach a unit, [Flag.Marked] looks at a flag without charging its budget, and [Flag.Stow]
// keeps a number in a flag that nothing polls.
package preempt
