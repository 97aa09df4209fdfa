//go:build race && !heddle_model

package deque

// A slot is one place of a ring. In this build it is a plain word as well, for the reasons in
// slot_plain.go. Its methods are hidden from the race detector, which does not know that argument.
// They need not order memory, because publish and the CAS of top do, as in other builds. If the
// slots were atomic words, they would make the detector see more order than other builds have.
type slot[T any] struct{ p *T }

//go:norace
func (s *slot[T]) load() *T { return s.p }

//go:norace
func (s *slot[T]) store(x *T) { s.p = x }
