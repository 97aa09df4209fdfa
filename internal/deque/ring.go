package deque

// A ring maps the element index i to slots[i mod len(slots)]. The length is a power of two, so that the mapping survives the
// wrap-around of the indexes themselves. The header is immutable; the slots are written by the owner alone.
// A ring that was replaced is never written again: thieves that still hold it read what it held.
type ring[T any] struct{ slots []slot[T] }

func newRing[T any](capacity int) *ring[T] {
	return &ring[T]{slots: make([]slot[T], capacity)}
}

func (r *ring[T]) at(i int64) *slot[T] {
	return &r.slots[i&int64(len(r.slots)-1)]
}
