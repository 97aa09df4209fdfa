//go:build !race

package prefetch

import "unsafe"

// Of requests the cache line that *p begins in.
func Of[T any](p *T) { lines(uintptr(unsafe.Pointer(p)), 1) }

// These bound the memory that Warm requests. BenchmarkYield/tasks=10000 changes little with values
// near these. If Warm leaves out the memory below the stack pointer, where callees have their
// frames, most of the effect is gone. If it leaves out the record, about half of the effect is
// gone.
const (
	below  = 512 // bytes below the noted stack pointer at which the request begins
	around = 14  // cache lines of the stack
	record = 6   // cache lines of the runtime's record of the goroutine
)

// NoteStack notes the stack of the calling goroutine, by the address of a variable there.
func (p *Place) NoteStack() {
	var here byte
	p.stack = uintptr(unsafe.Pointer(&here))
}

// Warm requests the memory that the goroutine of p touches first when it is woken. g is the address
// of the runtime's record of that goroutine.
func (p *Place) Warm(g uintptr) {
	if p.stack != 0 {
		lines(p.stack-below, around)
		lines(g, record)
	}
}
