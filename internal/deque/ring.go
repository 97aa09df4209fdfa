package deque

// A ring maps the element index i to slots[i mod len(slots)]. The length is a power of two, so that
// the mapping survives the wrap-around of the indexes. The header is immutable, and only the owner
// writes the slots. A ring is never written after it was replaced, so thieves that still hold it
// read its old elements.
type ring[T any] struct{ slots []slot[T] }

func newRing[T any](capacity int) *ring[T] {
	return &ring[T]{slots: make([]slot[T], capacity)}
}

func (r *ring[T]) at(i int64) *slot[T] {
	return &r.slots[i&int64(len(r.slots)-1)]
}
