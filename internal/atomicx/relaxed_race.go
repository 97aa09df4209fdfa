//go:build race && !heddle_model

package atomicx

// Relaxed is a pointer that publishes nothing but itself. It may have one writer at a time, and any
// number of readers. In this build it is a plain word as well (relaxed_plain.go), but its methods
// are hidden from the race detector, which would report them. Atomic words would be wrong here for
// two reasons. The detector takes every atomic store and load as an edge between the two
// goroutines, so it would overlook races of users' programs that only such an edge orders. And an
// atomic access takes 40 to 110 ns in this build, where a task switch has a dozen of them.
type Relaxed[T any] struct{ p *T }

// Load returns the pointer.
//
//go:norace
func (r *Relaxed[T]) Load() *T { return r.p }

// Store sets the pointer.
//
//go:norace
func (r *Relaxed[T]) Store(x *T) { r.p = x }

// RelaxedUint32 is a uint32 with the rules of [Relaxed].
type RelaxedUint32 struct{ v uint32 }

// Load returns the value.
//
//go:norace
func (r *RelaxedUint32) Load() uint32 { return r.v }

// Store sets the value.
//
//go:norace
func (r *RelaxedUint32) Store(x uint32) { r.v = x }
