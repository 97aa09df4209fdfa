package inject

import "github.com/heddle-go/heddle/internal/rt"

// A fifo is an unbounded queue of tasks. Its owner's lock guards it.
type fifo struct {
	ring []*rt.Task // its length is a power of two, or 0
	head int        // index of the oldest, mod len(ring)
	n    int
}

// keepRing is the length up to which an empty ring keeps its memory, 512 KB. A ring that has to
// grow to keepRing again costs as much to grow as to fill.
const keepRing = 1 << 16

func (q *fifo) push(d *rt.Task) {
	if q.n == len(q.ring) {
		q.grow()
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = d
	q.n++
}

func (q *fifo) grow() {
	ring := make([]*rt.Task, max(64, 2*q.n))
	k := copy(ring, q.ring[q.head:])
	copy(ring[k:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

// pop takes the oldest task, or returns nil.
func (q *fifo) pop() *rt.Task {
	if q.n == 0 {
		return nil
	}
	at := &q.ring[q.head]
	d := *at
	*at = nil
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	if q.n == 0 && len(q.ring) > keepRing {
		q.ring, q.head = nil, 0 // give a burst's memory back
	}
	return d
}
