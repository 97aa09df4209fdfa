// Package preempt provides cooperative preemption in three parts. Running code polls a [Flag] at
// its yield points, which costs little more than a load. A [Slice] finds out when a quantum is
// over, without a look at the clock at each poll. A [Monitor] asks code that overruns its quantum
// to give way, like the thread sysmon of the Go runtime.
//
// The package knows nothing of tasks and workers and can be used on its own: give each unit of work
// a Flag, let it call [Flag.Poll] in its loops, and start a Monitor that watches whatever runs the
// units.
//
// A request to give way names one dispatch, which is one stay of a unit on a processor. It never
// costs another dispatch its turn. The package cannot stop a unit that does not poll. The Monitor
// reports such a unit as stalled, once.
package preempt
