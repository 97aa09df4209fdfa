package tsync

// NewUnbounded makes a channel whose buffer grows as needed: a mailbox. Send never waits, so TrySend, which takes no context, always
// sends. All the rest is as with the channels of [NewChan]: receivers wait, Close lets them have what was sent before, and the
// channel can be in a [Select]. It is a Chan and not a type of its own so that whatever takes one, cases and loops over All among
// them, takes a mailbox too.
//
// Nothing keeps senders that are faster than the receivers from filling the memory: use it where another limit bounds what is
// under way, or where a sender must not wait, as when two tasks send each other what they have to do. The buffer gives its
// memory back as it is emptied, but for that of a few values, and grows without copying what is in it. Where few values wait at a
// time, nothing is allocated.
func NewUnbounded[T any]() *Chan[T] {
	ch := NewChan[T](ringSize)
	ch.over = new(overflow[T])
	return ch
}

// ringSize is the size of an unbounded channel's ring. It is small because a program may have a mailbox a task.
const ringSize = 16

// An overflow has the values of an unbounded channel that have found its ring full, the oldest first, in a list of chunks. While
// there are any, the ring stays full: refill moves one into the room that a receiver has made. So a value in the ring is older than
// any in the overflow. Used under mu of the channel.
type overflow[T any] struct {
	n           int // values
	first, last *chunk[T]
	at          int       // the place in first of the oldest value
	spare       *chunk[T] // is empty, or nil: a backlog that goes up and down by the size of a chunk does not allocate
}

// A chunk has as many values as there have been sent since it was made, up to its capacity.
type chunk[T any] struct {
	values []T
	next   *chunk[T]
}

// Chunks grow with the overflow, so that a small one takes little memory, and a large one few allocations.
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

// pop takes the oldest value out. There must be one.
func (o *overflow[T]) pop() T {
	var zero T
	f := o.first
	at := &f.values[o.at]
	v := *at
	*at = zero
	o.at++
	switch o.n--; {
	case o.n == 0 && cap(f.values) == minChunk:
		f.values, o.at, o.spare = f.values[:0], 0, nil // stays: it is no larger than the ring
	case o.n == 0:
		o.first, o.last, o.at, o.spare = nil, nil, 0, nil
	case o.at == len(f.values): // full, since there are chunks behind it
		o.first, o.at = f.next, 0
		f.values, f.next = f.values[:0], nil
		o.spare = f
	}
	return v
}
