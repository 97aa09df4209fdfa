//go:build !race && !heddle_model

package atomicx

// Relaxed is a pointer that publishes nothing but itself. It may have one writer at a time, and any
// number of readers. A reader may see an old value, and must not conclude anything about other
// memory from the value that it sees.
//
// In this build it is a plain word. By the Go memory model the read of a single word gives a value
// that was really written. An atomic store would cost an XCHG, 2.5 to 5 ns, on the path of each
// task switch. relaxed_race.go hides the accesses from the race detector, which knows only
// happens-before. The schedule explorer gets an atomic word: see relaxed_model.go.
type Relaxed[T any] struct{ p *T }

// Load returns the pointer.
func (r *Relaxed[T]) Load() *T { return r.p }

// Store sets the pointer.
func (r *Relaxed[T]) Store(x *T) { r.p = x }

// RelaxedUint32 is a uint32 with the rules of [Relaxed].
type RelaxedUint32 struct{ v uint32 }

// Load returns the value.
func (r *RelaxedUint32) Load() uint32 { return r.v }

// Store sets the value.
func (r *RelaxedUint32) Store(x uint32) { r.v = x }
