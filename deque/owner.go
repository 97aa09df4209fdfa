package deque

import "github.com/heddle-go/heddle/internal/deque"

// DefaultCapacity is the capacity, in elements, of a deque that is made with capacity 0: 2 KB of slots.
const DefaultCapacity = deque.DefaultCapacity

// An Owner is the owner's side of a deque: one goroutine at a time may use it, or hand it over with a
// happens-before edge. Everybody else uses its [Thief].
//
// An Owner may be embedded by value, which saves its user a pointer hop; the struct around it should keep words that others
// write at a cache line's distance. It must be initialised by [Owner.Init] (or made by [New]) and must not be copied.
// The zero Owner is an empty deque that nothing can be pushed on.
type Owner[T any] deque.Owner[T]

func (o *Owner[T]) in() *deque.Owner[T] { return (*deque.Owner[T])(o) }

// New returns an empty deque; see [Owner.Init] for the parameters.
func New[T any](f Flavour, capacity int) *Owner[T] {
	o := new(Owner[T])
	o.Init(f, capacity)
	return o
}

// Init makes o an empty deque of the given flavour. capacity is the number of elements it can hold before it first grows,
// rounded up to a power of two; 0 means [DefaultCapacity]. Init must not be called while others use the deque's Thief.
// It panics if capacity is negative or f is no flavour.
func (o *Owner[T]) Init(f Flavour, capacity int) { o.in().Init(deque.Flavour(f), capacity) }

// Thief returns the shared side of the deque, for others to steal from. It is part of o, and always the same.
func (o *Owner[T]) Thief() *Thief[T] { return (*Thief[T])(o.in().Thief()) }

// Len returns the number of elements, shared and private. Thieves may make it smaller at any time; only the owner makes it larger.
func (o *Owner[T]) Len() int { return o.in().Len() }

// Cap returns the number of elements for which there is room until the ring grows.
func (o *Owner[T]) Cap() int { return o.in().Cap() }

// PrivateLen returns the number of elements in the private tail, which no thief can take.
func (o *Owner[T]) PrivateLen() int { return o.in().PrivateLen() }

// Push adds x, which must not be nil, as the newest element. Thieves can take it as soon as Push has
// stored it. In a LIFO deque Push also exposes all private elements, since those are older. It allocates only to grow.
func (o *Owner[T]) Push(x *T) { o.in().Push(x) }

// TryPushPrivate adds x, which must not be nil, as the newest element in the private tail, where thieves cannot take it until it is
// exposed. It reports false, and has done nothing, if there is more to do than that: then call [Owner.PushPrivate], which
// does it all. TryPushPrivate is the fast path of a fork and is inlined; with the call of its slow path
// inside, it would be too large for the compiler to inline, which is why its caller makes that call:
//
//	if !o.TryPushPrivate(x) {
//		o.PushPrivate(x)
//	}
func (o *Owner[T]) TryPushPrivate(x *T) bool { return o.in().TryPushPrivate(x) }

// PushPrivate adds x, which must not be nil, as the newest element in the private tail, where thieves cannot take it until it
// is exposed. If a thief has asked for work, it exposes half of the tail, rounded up, oldest first, and
// reports true: that is the moment to wake a thief that went to sleep after asking. It allocates only to grow.
//
// It panics in a FIFO deque, which has no private tail.
func (o *Owner[T]) PushPrivate(x *T) (exposed bool) { return o.in().PushPrivate(x) }

// Pop removes an element and returns it, or nil if there is none: the newest in a LIFO deque, the oldest in a FIFO one.
func (o *Owner[T]) Pop() *T { return o.in().Pop() }

// PopPrivate removes the newest element if it is private, and returns it, or nil. Meant as the inlined fast path of
// a caller that goes on with [Owner.Pop].
func (o *Owner[T]) PopPrivate() *T { return o.in().PopPrivate() }

// PopPrivateIf removes the newest element if it is private and is x, and reports whether it did. Meant as the inlined fast
// path of a join, which wants its own frame or none.
func (o *Owner[T]) PopPrivateIf(x *T) bool { return o.in().PopPrivateIf(x) }

// Wanted reports whether a thief has asked for private elements since they were last exposed. One load.
func (o *Owner[T]) Wanted() bool { return o.in().Wanted() }

// Expose lets thieves at half of the private tail, rounded up, oldest first, if a thief has asked for it, and returns the number of
// elements exposed. The request is then met, even if there was nothing to expose.
func (o *Owner[T]) Expose() int { return o.in().Expose() }

// ExposeAll lets thieves at the whole private tail, asked or not, and returns the number of elements exposed. It is for
// an owner that is about to go away for a while.
func (o *Owner[T]) ExposeAll() int { return o.in().ExposeAll() }

// Trim gives back the memory of a ring that has grown, if the deque is empty: its capacity returns to what it was at Init.
// It is for an owner that goes to sleep. Trim allocates the small ring, and does nothing if the deque has not grown.
func (o *Owner[T]) Trim() { o.in().Trim() }
