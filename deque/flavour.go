package deque

import "github.com/heddle-go/heddle/internal/deque"

// A Flavour decides which end the owner pops from. Thieves always take the oldest element.
type Flavour uint8

const (
	// LIFO deques give the owner the newest element: it goes depth first, with data that is hot in
	// the cache. Use LIFO for the forked calls of a recursion.
	LIFO Flavour = iota
	// FIFO deques give the owner the oldest element, as they give it to thieves. Use FIFO for run
	// queues, in which an element that is pushed again and again must not starve the others.
	FIFO
)

// The flavours must equal those of internal/deque, or this line does not compile.
var _ = [1]struct{}{}[(LIFO^Flavour(deque.LIFO))|(FIFO^Flavour(deque.FIFO))]

// String returns "LIFO" or "FIFO".
func (f Flavour) String() string { return deque.Flavour(f).String() }
