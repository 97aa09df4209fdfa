// Package prefetch asks the processor to fetch memory into its caches ahead of use.
//
// It exists for one measurement. A switch between tasks touches some twenty cache lines that
// belong to the task: descriptor, fiber, the Go runtime's record of the goroutine, and above all the
// top of its stack, on which heddle's own code runs for a moment too. With 10,000 tasks
// that take turns, all of these are in main memory each time, and a yield costs 500 to
// 600 ns on a 2-core VM, against 350 for runtime.Gosched. Whoever takes a task from the front of
// a long queue knows what the next ones are, and with their lines requested in time a yield costs
// 150 to 180 ns (BenchmarkYield/tasks=10000, workers=1).
//
// A prefetch is a hint: it reads nothing, and an address that is no longer valid, such
// as that of a stack that has moved, is ignored. On processors other than amd64 the functions
// do nothing. In race detector builds nothing is fetched, because a worker that looks ahead reads what others write.
package prefetch

// Line is the size of a cache line.
const Line = 64

// A Place is where the stack of a goroutine was seen.
type Place struct {
	stack uintptr
}
