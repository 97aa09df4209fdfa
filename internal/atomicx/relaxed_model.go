//go:build heddle_model

package atomicx

// Relaxed is a pointer that publishes nothing but itself. It may have one writer at a time, and any
// number of readers. In this build it is an atomic word; relaxed_plain.go explains why a plain word
// suffices in other builds.
type Relaxed[T any] struct{ p Pointer[T] }

// Load returns the pointer.
func (r *Relaxed[T]) Load() *T { return r.p.Load() }

// Store sets the pointer.
func (r *Relaxed[T]) Store(x *T) { r.p.Store(x) }

// RelaxedUint32 is a uint32 with the rules of [Relaxed].
type RelaxedUint32 struct{ v Uint32 }

// Load returns the value.
func (r *RelaxedUint32) Load() uint32 { return r.v.Load() }

// Store sets the value.
func (r *RelaxedUint32) Store(x uint32) { r.v.Store(x) }
