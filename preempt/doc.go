// Package preempt is cooperative preemption: a flag that running code polls at its yield
// points at the price of a load, a slice that knows when a quantum is over without reading a clock
// each time, and a monitor that asks whoever overruns to give way, in the manner of the Go
// runtime's sysmon.
//
// It knows nothing of tasks and workers and can be used on its own: give each unit of work
// a [Flag], have it call [Flag.Poll] in its loops, and start a [Monitor] over whatever runs the units.
//
// Guarantees: a request to give way names the stay on the processor that it is meant for
// and never costs another one its turn. Not guaranteed: that a unit which does not poll is stopped; it is
// reported as stalled, once.
package preempt
