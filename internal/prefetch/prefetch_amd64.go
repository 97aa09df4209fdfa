//go:build !race

package prefetch

import "unsafe"

// Of requests the cache line that *p begins in.
func Of[T any](p *T) { lines(uintptr(unsafe.Pointer(p)), 1) }

// These bound what Warm requests around the place where NoteStack was called.
// BenchmarkYield/tasks=10000 changes little around these values. Without the part below the stack
// pointer, where callees have their frames, most of the effect is gone. Without the record about
// half of it is gone.
const (
	below  = 512 // bytes below the stack pointer
	around = 14  // lines of the stack
	record = 6   // lines of the runtime's record
)

// NoteStack notes the stack of the calling goroutine.
func (p *Place) NoteStack() { p.stack = stack() }

// Warm requests the memory that the goroutine of p touches first when it is woken. g is the address
// of the runtime's record of that goroutine.
func (p *Place) Warm(g uintptr) {
	if p.stack != 0 {
		lines(p.stack-below, around)
		lines(g, record)
	}
}
