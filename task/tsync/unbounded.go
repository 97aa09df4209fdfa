package tsync

// NewUnbounded makes a channel whose buffer grows as needed: a mailbox. Send never waits for room,
// so TrySend always sends. Otherwise the channel behaves like one from [NewChan]: receivers wait,
// Close lets them receive what was sent before, and the channel can be part of a [Select]. A
// mailbox has the type Chan, so all code that takes a Chan takes a mailbox too, for example cases
// and loops over All.
//
// If senders are faster than receivers, the backlog grows until memory runs out. Use a mailbox if
// something else bounds the number of values, or if a sender must not wait, for example if two
// tasks send work to each other. As the backlog shrinks, the buffer frees its memory, except for a
// few values' worth. It grows without copying values. While only a few values wait at a time, sends
// do not allocate.
func NewUnbounded[T any]() *Chan[T] {
	ch := NewChan[T](ringSize)
	ch.over = new(overflow[T])
	return ch
}

// ringSize is the number of values in an unbounded channel's ring. It is small because a program
// may have one mailbox for each task.
const ringSize = 16

// An overflow holds the values of an unbounded channel that did not fit into its ring, oldest
// first, in a list of chunks. While the overflow has values, the ring stays full: refill moves one
// value into the room that a receiver has made. So every value in the ring is older than every
// value in the overflow. An overflow is used under the channel's mu.
type overflow[T any] struct {
	n           int // number of values
	first, last *chunk[T]
	at          int       // index of the oldest value in first
	spare       *chunk[T] // empty, or nil; a backlog that rises and falls by one chunk reuses it
}

// A chunk holds values in the order in which they were sent, up to its capacity.
type chunk[T any] struct {
	values []T
	next   *chunk[T]
}

// Chunks grow with the overflow, so that a short backlog takes little memory, and a long one few
// allocations.
const (
	minChunk = 16
	maxChunk = 1024
)

// push appends v.
func (o *overflow[T]) push(v T) {
	l := o.last
	if l == nil || len(l.values) == cap(l.values) {
		l = o.spare
		if o.spare = nil; l == nil {
			l = &chunk[T]{values: make([]T, 0, min(max(o.n, minChunk), maxChunk))}
		}
		if o.last == nil {
			o.first = l
		} else {
			o.last.next = l
		}
		o.last = l
	}
	l.values = append(l.values, v)
	o.n++
}

// pop takes the oldest value out. The overflow must not be empty.
func (o *overflow[T]) pop() T {
	var zero T
	f := o.first
	at := &f.values[o.at]
	v := *at
	*at = zero
	o.at++
	switch o.n--; {
	case o.n == 0 && cap(f.values) == minChunk:
		f.values, o.at, o.spare = f.values[:0], 0, nil // no larger than the ring, so it stays
	case o.n == 0:
		o.first, o.last, o.at, o.spare = nil, nil, 0, nil
	case o.at == len(f.values): // the chunk was full, because other chunks follow it
		o.first, o.at = f.next, 0
		f.values, f.next = f.values[:0], nil
		o.spare = f
	}
	return v
}
