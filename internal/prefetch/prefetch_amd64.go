//go:build !race

package prefetch

import "unsafe"

// Of requests the cache line in which *p begins.
func Of[T any](p *T) { lines(uintptr(unsafe.Pointer(p)), 1) }

// Bounds of what Warm requests around the place where Mark was called. BenchmarkYield/tasks=10000 is
// flat around them; without the part below the stack pointer, where callees have their frames,
// most of the effect is gone, and without the record about half.
const (
	below  = 512 // bytes
	around = 14  // lines
	record = 6   // lines
)

// Mark notes the stack of the calling goroutine.
func (p *Place) Mark() { p.stack = stack() }

// Warm requests what the goroutine of p, with the runtime's record at g, touches first when it is woken.
func (p *Place) Warm(g uintptr) {
	if p.stack != 0 {
		lines(p.stack-below, around)
		lines(g, record)
	}
}
