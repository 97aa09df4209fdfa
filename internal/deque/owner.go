package deque

import (
	"math/bits"
	"unsafe"

	"golang.org/x/sys/cpu"
)

// DefaultCapacity is the capacity, in elements, of a deque that is made with capacity 0. Its slots
// take 2 KB on a 64-bit machine. That is enough for the forks of a balanced recursion and for a run
// queue whose worker keeps up. BenchmarkGrow shows the cost of starting smaller.
const DefaultCapacity = 256

const minCapacity = 2

// sweepEvery is the number of pushes between two calls of makeRoom, in which the owner sweeps the
// slots of elements that thieves have taken. A sweep loads top, which is a cache miss while thieves
// are active. With 32 pushes between two sweeps this cost should not matter. That is a guess, and
// the value has not been tuned; BenchmarkContended at other values would show a better one. When a
// LIFO owner pops, bottom moves away from limit and so from the next sweep. Once the distance is
// 2*sweepEvery, Push and Expose lower limit.
const sweepEvery = 32

// An Owner is the owner's side of a deque. Only one goroutine at a time may use it, and passing it
// to another goroutine must establish a happens-before edge. All other goroutines use its [Thief].
// No method blocks.
//
// An Owner may be embedded by value, which saves its user a pointer indirection. The struct around
// it should keep words that other goroutines write at least a cache line away. An Owner must be
// initialised by [Owner.Init] or made by [New], and must not be copied. The zero Owner is an empty
// deque on which a push panics.
type Owner[T any] struct {
	// Only the owner uses these. "Invariant" in invariant.go ties them to the words of the thief.
	bottom int64     // one past the newest element
	split  int64     // the owner's copy of thief.split, for plain loads
	limit  int64     // pushes call makeRoom when bottom gets here
	slots  []slot[T] // the slots of thief.ring
	swept  int64     // all slots below this index have been cleared
	first  int       // the capacity given to Init, to which Trim returns
	_      cpu.CacheLinePad

	thief Thief[T]
}

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
func (o *Owner[T]) Init(f Flavour, capacity int) {
	if capacity < 0 {
		panic("deque: Init with a negative capacity: give 0 for the default")
	}
	if f != LIFO && f != FIFO {
		panic("deque: Init with an unknown flavour: give LIFO or FIFO")
	}
	if capacity == 0 {
		capacity = DefaultCapacity
	}
	o.first = roundUp(capacity)
	o.thief.flavour = f
	o.thief.want.Store(wantNothing)
	if f == FIFO {
		o.thief.want.Store(wantNever)
	}
	o.install(newRing[T](o.first))
	o.rebase(0)
}

// rebase empties the deque and sets its indexes to i. Tests start just below the wrap-around.
func (o *Owner[T]) rebase(i int64) {
	o.bottom, o.split, o.limit, o.swept = i, i, i, i
	o.thief.top.Store(i)
	o.thief.split.Store(i)
}

// Thief returns the shared side of the deque. It is part of o and always the same.
func (o *Owner[T]) Thief() *Thief[T] { return &o.thief }

// Flavour returns the flavour that was given to Init.
func (o *Owner[T]) Flavour() Flavour { return o.thief.flavour }

// Len returns the number of elements, shared and private. Thieves may lower it at any time, and
// only the owner raises it.
func (o *Owner[T]) Len() int { return int(max(0, o.bottom-o.thief.top.Load())) }

// Cap returns the number of elements that fit before the ring grows.
func (o *Owner[T]) Cap() int { return len(o.slots) }

// PrivateLen returns the number of elements in the private tail, which thieves cannot take.
func (o *Owner[T]) PrivateLen() int { return int(o.bottom - o.split) }

// Push adds x, which must not be nil, as the newest element. Thieves can take x once Push has
// stored it. In a LIFO deque Push also exposes all private elements, because they are older. It
// allocates only to grow.
func (o *Owner[T]) Push(x *T) {
	if uint64(o.limit-o.bottom-1) >= 2*sweepEvery { // no room, or the next sweep is too far off
		o.makeRoom(1)
	}
	b := o.bottom
	if planted == pushPublishesFirst {
		o.publish(b + 1)
	}
	o.slot(b).store(x)
	o.publish(b + 1)
}

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
func (o *Owner[T]) TryPushPrivate(x *T) bool {
	b := o.bottom
	if b == o.limit || o.thief.want.Load() != wantNothing { // pairs with the store in ask
		return false
	}
	o.slot(b).store(x)
	o.bottom = b + 1
	return true
}

// PushPrivate adds x, which must not be nil, as the newest element of the private tail. Thieves
// cannot take x until it is exposed. If a thief has asked for work, PushPrivate exposes half of the
// tail, rounded up, oldest first, and returns true. Then the caller should wake a thief, because
// the thief that asked may sleep by now. PushPrivate allocates only to grow.
//
// It panics on a FIFO deque, which has no private tail.
func (o *Owner[T]) PushPrivate(x *T) (exposed bool) {
	if o.thief.flavour == FIFO {
		panic("deque: PushPrivate on a FIFO deque, which has no private tail: use Push")
	}
	if o.bottom == o.limit {
		o.makeRoom(1)
	}
	o.slot(o.bottom).store(x)
	o.bottom++
	return o.Expose() > 0
}

// PopPrivate removes and returns the newest element if it is private; otherwise it returns nil. It
// is the inlined fast path of a caller that goes on with [Owner.Pop].
func (o *Owner[T]) PopPrivate() *T {
	b := o.bottom - 1
	if b-o.split < 0 {
		return nil
	}
	s := o.slot(b)
	x := s.load()
	s.store(nil)
	o.bottom = b
	return x
}

// PopPrivateIf removes the newest element if it is private and equal to x, and reports whether it
// did. It is the inlined fast path of a join, which can use only its own frame.
func (o *Owner[T]) PopPrivateIf(x *T) bool {
	b := o.bottom - 1
	if b-o.split < 0 {
		return false
	}
	s := o.slot(b)
	if s.load() != x {
		return false
	}
	s.store(nil)
	o.bottom = b
	return true
}

// TakeBackIf is PopPrivateIf for an owner that pushes the same elements again. It leaves the
// pointer in its slot, above bottom, until a push writes another element there. This saves a store
// for each pair of push and pop (BenchmarkFib).
func (o *Owner[T]) TakeBackIf(x *T) bool {
	b := o.bottom - 1
	if o.PrivateLen() <= 0 || o.slot(b).load() != x {
		return false
	}
	o.bottom = b
	return true
}

// Leftover returns the element that TakeBackIf left in the slot of the next push. It returns nil if
// there is none, or if the next push has to make room first. All other operations that take an
// element clear its slot, or makeRoom clears it before the slot is used again.
func (o *Owner[T]) Leftover() *T {
	b := o.bottom
	if b == o.limit {
		return nil
	}
	return o.slot(b).load()
}

// PushLeftover pushes the element that Leftover has just returned, like TryPushPrivate, but without
// the store. If a thief has asked for work, PushLeftover changes nothing and returns false.
func (o *Owner[T]) PushLeftover() bool {
	if o.thief.want.Load() != wantNothing { // pairs with the store in ask
		return false
	}
	o.bottom++
	return true
}

// Pop removes and returns an element, or returns nil if the deque is empty. It takes the newest
// element of a LIFO deque and the oldest of a FIFO deque.
func (o *Owner[T]) Pop() *T {
	if x := o.PopPrivate(); x != nil {
		return x
	}
	if o.thief.flavour == FIFO {
		return o.PopOldest()
	}
	return o.takeNewest()
}

// PopIf removes the newest element of a LIFO deque if it is equal to x, and reports whether it did.
func (o *Owner[T]) PopIf(x *T) bool {
	return o.Len() > 0 && o.slot(o.bottom-1).load() == x && o.Pop() == x
}

// ReverseNewest reverses the order of the n newest elements of a LIFO deque, or of all elements if
// there are fewer. It exposes all private elements, as Push does. Thieves do not see these n
// elements for a moment. So if a thief may have found the deque empty and gone to sleep, the caller
// has to wake it. See "Reversing" in invariant.go.
func (o *Owner[T]) ReverseNewest(n int) {
	if o.thief.flavour == FIFO {
		panic("deque: ReverseNewest on a FIFO deque")
	}
	v := &o.thief
	b := o.bottom
	from := b - int64(n)
	v.split.Store(from) // (Reverse-O1) pairs with the load of split in steal
	t := v.top.Load()   // (Reverse-O2) pairs with the CAS in steal
	var oldest *T
	if from-t <= 0 && planted != reverseKeepsOldest {
		from = b
		if t-b < 0 {
			from = t + 1
			s := o.slot(t)
			oldest = s.load()
			// The CAS pairs with the CAS in steal.
			if v.top.CompareAndSwap(t, t+1) || planted == reverseSkipsCAS {
				s.store(nil)
			} else {
				oldest = nil
			}
		}
	}
	for i, j := from, b-1; i-j < 0; i, j = i+1, j-1 {
		x, y := o.slot(i), o.slot(j)
		p, q := x.load(), y.load()
		x.store(q)
		y.store(p)
	}
	o.publish(b)
	if oldest != nil {
		o.Push(oldest)
	}
}

// takeNewest takes the newest shared element of a LIFO deque whose private tail is empty. It is the
// owner's side of "Owner against thief" in invariant.go. It takes one element and leaves the others
// shared. If it moved split down by several elements at once, the next pops would be cheaper, but
// elements that were exposed to thieves would be hidden again.
func (o *Owner[T]) takeNewest() *T {
	v := &o.thief
	// Often nothing is left. This load can show it before any store, because top never falls.
	t := v.top.Load()
	o.sweep(t)
	if o.split-t <= 0 {
		return nil
	}
	b := o.split - 1
	v.split.Store(b) // (Take-O1) pairs with the load of split in steal
	if planted != takeLoadsTopFirst {
		t = v.top.Load() // (Take-O2) pairs with the CAS in steal
	}
	if b-t > 0 || planted == takeSkipsCAS && b == t {
		// No thief can claim b. It would have to read top == b, later than now, and would then read
		// split == b too.
		s := o.slot(b)
		x := s.load()
		s.store(nil)
		o.bottom, o.split = b, b
		return x
	}
	// If b is the last element, the CAS decides between the owner and the thieves. Otherwise a
	// thief has taken b. In both cases the deque is empty afterwards, with top at b+1, and split
	// goes back to b+1.
	var x *T
	if s := o.slot(b); b == t {
		x = s.load()
		if !v.top.CompareAndSwap(t, t+1) { // pairs with the CAS in steal
			x = nil
		}
	}
	v.split.Store(b + 1)
	o.sweep(b + 1)
	return x
}

// Newest returns the newest shared element of a LIFO deque whose private tail is empty, without
// removing it. It returns nil if there is none. A thief may take the element at any moment. If
// [Owner.PopShared] returns an element then, it is this one.
func (o *Owner[T]) Newest() *T {
	if o.split-o.thief.top.Load() <= 0 {
		return nil
	}
	return o.slot(o.split - 1).load()
}

// PopShared is [Owner.Pop] for a LIFO deque whose private tail is empty.
func (o *Owner[T]) PopShared() *T { return o.takeNewest() }

// Peek returns the i-th oldest element of a FIFO deque, counted from 0, without removing it. It
// returns nil if there are no more than i elements. A thief may take the element at any moment, so
// the result is only a hint.
func (o *Owner[T]) Peek(i int) *T {
	t := o.thief.top.Load()
	if o.split-t <= int64(i) {
		return nil
	}
	return o.slot(t + int64(i)).load()
}

// PopOldest is Pop for a deque that the caller knows to be FIFO. It takes the element by the same
// CAS as a thief.
func (o *Owner[T]) PopOldest() *T {
	v := &o.thief
	for {
		t := v.top.Load()
		if o.split-t <= 0 {
			o.sweep(t)
			return nil
		}
		s := o.slot(t)
		x := s.load()
		if v.top.CompareAndSwap(t, t+1) { // pairs with the CAS in steal and stealRange
			s.store(nil)
			if o.swept == t {
				o.swept = t + 1
			}
			return x
		}
	}
}

// Wanted reports whether a thief has asked for private elements since the owner last exposed some.
// It costs one load.
func (o *Owner[T]) Wanted() bool { return o.thief.want.Load() == wantHalf }

// Expose opens half of the private tail, rounded up, oldest first, to thieves if a thief has asked
// for it, and returns the number of elements that it exposed. It ends the request even if the tail
// was empty.
func (o *Owner[T]) Expose() int {
	if !o.Wanted() {
		return 0
	}
	// Lower want first. A thief that asks from now on asks for the rest, and the next Expose finds
	// that request.
	if planted != askClearsAfterExpose {
		o.thief.want.Store(wantNothing)
	}
	o.sweep(o.thief.top.Load()) // an owner that uses only its private tail sweeps only here
	n := (o.bottom - o.split + 1) / 2
	o.shareTo(o.split + n)
	if planted == askClearsAfterExpose {
		o.thief.want.Store(wantNothing)
	}
	return int(n)
}

// ExposeAll opens the whole private tail to thieves, whether or not a thief has asked, and returns
// the number of elements that it exposed. It is for an owner that will not use the deque for a
// while.
func (o *Owner[T]) ExposeAll() int {
	n := o.bottom - o.split
	if o.Wanted() {
		o.thief.want.Store(wantNothing)
	}
	o.shareTo(o.bottom)
	return int(n)
}

// EachPrivate calls f for the n oldest private elements, oldest first. These are the elements that
// become shared if the owner exposes n of them. EachPrivate is for an owner that notes which
// elements it exposes.
func (o *Owner[T]) EachPrivate(n int, f func(x *T)) {
	for i := o.split; i != o.split+int64(n); i++ {
		f(o.slot(i).load())
	}
}

// shareTo moves split up to s.
func (o *Owner[T]) shareTo(s int64) {
	if s == o.split {
		return
	}
	o.split = s
	if planted == exposeOvershoots {
		o.thief.split.Store(s + 1)
	}
	o.thief.split.Store(s) // pairs with the load in steal: publishes the slots below s
	if o.limit-o.bottom > 2*sweepEvery {
		o.limit = o.bottom + sweepEvery
	}
}

// publish shows all elements below b to thieves. The caller has written their slots before.
func (o *Owner[T]) publish(b int64) {
	o.bottom, o.split = b, b
	o.thief.split.Store(b) // pairs with the load in steal: publishes the slots below b
}

// If the deque is empty and its ring has grown, Trim replaces the ring by a new one with the
// capacity given to Init, so that the large ring can be freed. Otherwise Trim does nothing. It is
// for an owner that goes to sleep.
func (o *Owner[T]) Trim() {
	if o.Len() > 0 || len(o.slots) <= o.first {
		return
	}
	// A thief may still try to take an element that was in the old ring. From the new ring it reads
	// another value, and its CAS fails, because top has passed that element.
	o.swept = o.bottom
	o.limit = o.bottom
	o.install(newRing[T](o.first))
}

// Reserve makes room for the next n pushes, of whatever kind. It allocates only to grow.
func (o *Owner[T]) Reserve(n int) { o.reserve(int64(n)) }

func (o *Owner[T]) reserve(n int64) {
	if o.limit-o.bottom < n {
		o.makeRoom(n)
	}
}

// makeRoom sweeps, grows the ring if n more elements do not fit, and sets a new limit, at least n
// above bottom.
//
//go:noinline
func (o *Owner[T]) makeRoom(n int64) {
	if len(o.slots) == 0 {
		panic("deque: push on an Owner that was not initialised: call Init or New first")
	}
	// This pairs with the CAS in steal: slots below t may be written from here on.
	t := o.thief.top.Load()
	o.sweep(t)
	capacity := int64(len(o.slots))
	if planted == growTooLate {
		capacity++
	}
	if o.bottom+n-t > capacity {
		o.grow(t, n)
		capacity = int64(len(o.slots))
	}
	o.limit = o.bottom + min(t+capacity-o.bottom, max(n, sweepEvery))
}

// grow moves the elements [t, bottom) to a ring that has room for n more.
func (o *Owner[T]) grow(t, n int64) {
	old := ring[T]{o.slots}
	r := newRing[T](roundUp(int(o.bottom + n - t)))
	if planted == growPublishesFirst {
		o.install(r)
	}
	for i := t; i != o.bottom; i++ {
		r.at(i).store(old.at(i).load())
	}
	o.install(r)
}

func (o *Owner[T]) install(r *ring[T]) {
	o.slots = r.slots
	o.thief.ring.Store(r) // pairs with the load in steal: publishes the slots of the new ring
}

// sweep clears the slots below t, whose elements have all been taken, so that the ring does not
// keep those elements alive. sweep clears a slot once for each element that it held, so the cost of
// a push grows by no more than a constant.
func (o *Owner[T]) sweep(t int64) {
	if planted == sweepOvershoots && t != o.bottom {
		t++
	}
	for ; o.swept-t < 0; o.swept++ {
		o.slot(o.swept).store(nil)
	}
}

// slot returns the slot of index i. The ring must not be empty. The length of a ring is a power of
// two, so the index into it is always in bounds. The compiler does not know that. Its check would be
// two instructions more in a fork, which has some 40, and in a join.
func (o *Owner[T]) slot(i int64) *slot[T] {
	at := uintptr(i) & uintptr(len(o.slots)-1)
	return (*slot[T])(unsafe.Add(unsafe.Pointer(unsafe.SliceData(o.slots)), at*unsafe.Sizeof(slot[T]{})))
}

// roundUp returns the least power of two that is at least n and at least minCapacity.
func roundUp(n int) int {
	return 1 << bits.Len(uint(max(n, minCapacity)-1))
}
