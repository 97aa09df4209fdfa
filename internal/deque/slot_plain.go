//go:build !race && !heddle_model

package deque

// A slot is one place of a ring. In this build it is a plain word.
//
// One pair of accesses is unordered. A thief that has fallen behind may read slot i while the
// owner, which has seen top > i, clears it or writes element i+capacity there. By the Go memory
// model the read of a single word gives a value that was really written, never a torn one, and the
// compiler may not read it a second time. The thief drops that value: it read the slot before its
// CompareAndSwap of top from i, and a top that has passed i never returns to it, so the CAS fails.
//
// Conversely, a CAS that succeeds proves that top was still i at that moment. The owner clears or
// overwrites slot i only after it has loaded a top beyond i. That load comes after the CAS, and so
// after the read of the slot.
//
// Atomic slots would need no such argument, but cost an XCHG for each push and another for each
// pop. The race detector knows only happens-before, and not this argument, so slot_race.go hides
// the accesses from it. The schedule explorer's builds use the atomic slots of slot_model.go,
// because each access must be a scheduling point there.
type slot[T any] struct{ p *T }

func (s *slot[T]) load() *T   { return s.p }
func (s *slot[T]) store(x *T) { s.p = x }
