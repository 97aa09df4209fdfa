// Package prefetch asks the processor to fetch memory into its caches ahead of use.
//
// It exists because of one measurement. A switch to a task touches about twenty cache lines that
// belong to the task: its descriptor, its fiber, the Go runtime's record of the goroutine, and
// above all the top of its stack, where heddle's own code also runs for a moment. If 10,000 tasks
// take turns, all of these lines are in main memory each time. A yield then costs 500 to 600 ns on
// a 2-core VM, against 350 ns for runtime.Gosched. But a worker that takes a task from the front of
// a long queue knows the next tasks. If it requests their lines in time, a yield costs 150 to 180
// ns (BenchmarkYield/tasks=10000, workers=1).
//
// A prefetch is a hint. It reads nothing, and the processor ignores an address that is no longer
// valid, for example that of a stack that has moved. On processors other than amd64 the functions
// do nothing. They also do nothing in race detector builds, because there a worker that looks ahead
// would read words while others write them.
package prefetch

// Line is the size of a cache line.
const Line = 64

// A Place is the address at which the stack of a goroutine was last seen.
type Place struct {
	stack uintptr
}
