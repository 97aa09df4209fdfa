// Package preempt provides cooperative preemption in three parts. A [Flag] is polled by running
// code at its yield points, at the price of a load. A [Slice] knows when a quantum is over without
// reading a clock each time. A [Monitor] asks code that overruns its quantum to give way, like
// sysmon of the Go runtime.
//
// The package knows nothing of tasks and workers and can be used on its own: give each unit of work
// a Flag, let it call [Flag.Poll] in its loops, and start a Monitor that watches whatever runs the
// units.
//
// A request to give way names the one stay on the processor that it is meant for, and never costs
// another stay its turn. The package cannot stop a unit that does not poll. The Monitor reports
// such a unit as stalled, once.
package preempt
