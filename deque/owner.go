package deque

import "github.com/heddle-go/heddle/internal/deque"

// DefaultCapacity is the capacity, in elements, of a deque that is made with capacity 0. Its slots
// take 2 KB on a 64-bit machine.
const DefaultCapacity = 256

// DefaultCapacity must equal that of internal/deque, or this line does not compile.
var _ = [1]struct{}{}[DefaultCapacity-deque.DefaultCapacity]

// An Owner is the owner's side of a deque. Only one goroutine at a time may use it, and passing it
// to another goroutine must establish a happens-before edge. All other goroutines use its [Thief].
// No method blocks.
//
// An Owner may be embedded by value, which saves its user a pointer indirection. The struct around
// it should keep words that other goroutines write at least a cache line away. An Owner must be
// initialised by [Owner.Init] or made by [New], and must not be copied. The zero Owner is an empty
// deque on which a push panics.
type Owner[T any] owner[T]

// owner is the type beneath an Owner. The alias keeps the name of an internal type out of go doc.
type owner[T any] = deque.Owner[T]

func (o *Owner[T]) in() *deque.Owner[T] { return (*deque.Owner[T])(o) }

// New returns an empty deque. The parameters and the panics are those of [Owner.Init].
func New[T any](f Flavour, capacity int) *Owner[T] {
	o := new(Owner[T])
	o.Init(f, capacity)
	return o
}

// Init makes o an empty deque of flavour f. capacity is the number of elements that the deque can
// hold before it first grows, rounded up to a power of two; 0 means [DefaultCapacity]. No goroutine
// may use the deque's Thief during the call. Init panics if capacity is negative or f is not LIFO
// or FIFO.
func (o *Owner[T]) Init(f Flavour, capacity int) { o.in().Init(deque.Flavour(f), capacity) }

// Thief returns the shared side of the deque. It is part of o and always the same.
func (o *Owner[T]) Thief() *Thief[T] { return (*Thief[T])(o.in().Thief()) }

// Len returns the number of elements, shared and private. Thieves may lower it at any time, and
// only the owner raises it.
func (o *Owner[T]) Len() int { return o.in().Len() }

// Cap returns the number of elements that fit before the ring grows.
func (o *Owner[T]) Cap() int { return o.in().Cap() }

// PrivateLen returns the number of elements in the private tail, which thieves cannot take.
func (o *Owner[T]) PrivateLen() int { return o.in().PrivateLen() }

// Push adds x, which must not be nil, as the newest element. Thieves can take x once Push has
// stored it. In a LIFO deque Push also exposes all private elements, because they are older. It
// allocates only to grow.
func (o *Owner[T]) Push(x *T) { o.in().Push(x) }

// TryPushPrivate adds x, which must not be nil, as the newest element of the private tail. Thieves
// cannot take x until it is exposed. If the ring is full or a thief has asked for work,
// TryPushPrivate changes nothing and returns false; then call [Owner.PushPrivate], which handles
// these cases.
//
// TryPushPrivate is the inlined fast path of a fork. If it called PushPrivate itself, it would be
// too large to inline, so its caller makes that call:
//
//	if !o.TryPushPrivate(x) {
//		o.PushPrivate(x)
//	}
func (o *Owner[T]) TryPushPrivate(x *T) bool { return o.in().TryPushPrivate(x) }

// PushPrivate adds x, which must not be nil, as the newest element of the private tail. Thieves
// cannot take x until it is exposed. If a thief has asked for work, PushPrivate exposes half of the
// tail, rounded up, oldest first, and returns true. Then the caller should wake a thief, because
// the thief that asked may sleep by now. PushPrivate allocates only to grow.
//
// It panics on a FIFO deque, which has no private tail.
func (o *Owner[T]) PushPrivate(x *T) (exposed bool) { return o.in().PushPrivate(x) }

// Pop removes and returns an element, or returns nil if the deque is empty. It takes the newest
// element of a LIFO deque and the oldest of a FIFO deque.
func (o *Owner[T]) Pop() *T { return o.in().Pop() }

// PopPrivate removes and returns the newest element if it is private; otherwise it returns nil. It
// is the inlined fast path of a caller that goes on with [Owner.Pop].
func (o *Owner[T]) PopPrivate() *T { return o.in().PopPrivate() }

// PopPrivateIf removes the newest element if it is private and equal to x, and reports whether it
// did. It is the inlined fast path of an owner that wants back the element it pushed, and no other.
func (o *Owner[T]) PopPrivateIf(x *T) bool { return o.in().PopPrivateIf(x) }

// Wanted reports whether a thief has asked for private elements since the owner last exposed some.
// It costs one load.
func (o *Owner[T]) Wanted() bool { return o.in().Wanted() }

// Expose opens half of the private tail, rounded up, oldest first, to thieves if a thief has asked
// for it, and returns the number of elements that it exposed. It ends the request even if the tail
// was empty.
func (o *Owner[T]) Expose() int { return o.in().Expose() }

// ExposeAll opens the whole private tail to thieves, whether or not a thief has asked, and returns
// the number of elements that it exposed. It is for an owner that will not use the deque for a
// while.
func (o *Owner[T]) ExposeAll() int { return o.in().ExposeAll() }

// If the deque is empty and its ring has grown, Trim replaces the ring by a new one with the
// capacity given to Init, so that the large ring can be freed. Otherwise Trim does nothing. It is
// for an owner that goes to sleep.
func (o *Owner[T]) Trim() { o.in().Trim() }
