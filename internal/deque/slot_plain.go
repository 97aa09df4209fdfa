//go:build !race && !heddle_model

package deque

// A slot is one place of a ring. In this build it is a plain word.
//
// One pair of accesses is unordered: a thief that has fallen behind may read slot i while the owner, having
// seen top > i, clears it or writes element i+capacity there. By the Go memory model the read of a single word gives
// some value that was really written, never a torn one, and the compiler may not read it a second time. The thief
// drops that value: it was read before the thief's CompareAndSwap of top from i, and a top that has passed i never comes
// back to it, so the CAS fails. Conversely a CAS that succeeds proves that top was still i when it ran; the owner
// touches slot i only after it loaded a top beyond i, hence after this CAS, hence after this read.
// Atomic slots would say the same at the cost of an XCHG for each push and another for each pop.
//
// The race detector knows happens-before only and not this argument, so it gets the atomic slots of
// slot_atomic.go, and so do the schedule explorer's builds, where each access must be a scheduling point.
type slot[T any] struct{ p *T }

func (s *slot[T]) load() *T   { return s.p }
func (s *slot[T]) store(x *T) { s.p = x }
