// Package preempt implements the public package of the same name, whose doc explains how to use it.
// It adds what only the scheduler needs. The monitor calls Config.Tick, for example for timers. A
// [Nudger] is a unit that the monitor can reach in a second way. [Flag.Marked] looks at a flag
// without a change of its budget. [Flag.Stow] keeps a number in a flag while no unit polls it.
package preempt
