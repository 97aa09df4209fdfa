package deque

import (
	"math/bits"

	"golang.org/x/sys/cpu"
)

// DefaultCapacity is the capacity, in elements, of a deque that is made with capacity 0: 2 KB of slots. Deep enough for the
// forks of a balanced recursion and for a run queue that keeps up; BenchmarkGrow shows what a deque that starts smaller pays.
const DefaultCapacity = 256

const minCapacity = 2

// sweepEvery is the number of pushes between two looks at what thieves have taken. The look costs a load of top, a cache miss when
// thieves are active. 32 is a guess that this then no longer matters; it has not been tuned, and BenchmarkContended at other values would
// change it. As a LIFO owner that pops gets away from the next look again, Push and Expose bring it nearer once it is twice as far.
const sweepEvery = 32

// An Owner is the owner's side of a deque: one goroutine at a time may use it, or hand it over with a
// happens-before edge. Everybody else uses its [Thief].
//
// An Owner may be embedded by value, which saves its user a pointer hop; the struct around it should keep words that others
// write at a cache line's distance. It must be initialised by [Owner.Init] (or made by [New]) and must not be copied.
// The zero Owner is an empty deque that nothing can be pushed on.
type Owner[T any] struct {
	// Owner only. "Invariant" in invariant.go ties these to the words of the thief.
	bottom int64     // one past the newest element
	split  int64     // the owner's copy of thief.split: its loads need not be atomic
	limit  int64     // pushes call makeRoom when bottom gets here
	slots  []slot[T] // those of thief.ring
	swept  int64     // all slots below this index have been cleared
	first  int       // capacity given at Init, to which Trim returns
	_      cpu.CacheLinePad

	thief Thief[T]
}

// New returns an empty deque; see [Owner.Init] for the parameters.
func New[T any](f Flavour, capacity int) *Owner[T] {
	o := new(Owner[T])
	o.Init(f, capacity)
	return o
}

// Init makes o an empty deque of the given flavour. capacity is the number of elements it can hold before it first grows,
// rounded up to a power of two; 0 means [DefaultCapacity]. Init must not be called while others use the deque's Thief.
// It panics if capacity is negative or f is no flavour.
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

// rebase makes the deque empty with its indexes at i. Tests start just below the wrap-around.
func (o *Owner[T]) rebase(i int64) {
	o.bottom, o.split, o.limit, o.swept = i, i, i, i
	o.thief.top.Store(i)
	o.thief.split.Store(i)
}

// Thief returns the shared side of the deque, for others to steal from. It is part of o, and always the same.
func (o *Owner[T]) Thief() *Thief[T] { return &o.thief }

// Flavour returns the flavour given at Init.
func (o *Owner[T]) Flavour() Flavour { return o.thief.flavour }

// Len returns the number of elements, shared and private. Thieves may make it smaller at any time; only the owner makes it larger.
func (o *Owner[T]) Len() int { return int(max(0, o.bottom-o.thief.top.Load())) }

// Cap returns the number of elements for which there is room until the ring grows.
func (o *Owner[T]) Cap() int { return len(o.slots) }

// PrivateLen returns the number of elements in the private tail, which no thief can take.
func (o *Owner[T]) PrivateLen() int { return int(o.bottom - o.split) }

// Push adds x, which must not be nil, as the newest element. Thieves can take it as soon as Push has
// stored it. In a LIFO deque Push also exposes all private elements, since those are older. It allocates only to grow.
func (o *Owner[T]) Push(x *T) {
	if uint64(o.limit-o.bottom-1) >= 2*sweepEvery { // there is no room, or the next look is too far off
		o.makeRoom(1)
	}
	b := o.bottom
	if planted == pushPublishesFirst {
		o.publish(b + 1)
	}
	o.slot(b).store(x)
	o.publish(b + 1)
}

// TryPushPrivate adds x, which must not be nil, as the newest element in the private tail, where thieves cannot take it until it is
// exposed. It reports false, and has done nothing, if there is more to do than that: then call [Owner.PushPrivate], which
// does it all. TryPushPrivate is the fast path of a fork and is inlined; with the call of its slow path
// inside, it would be too large for the compiler to inline, which is why its caller makes that call:
//
//	if !o.TryPushPrivate(x) {
//		o.PushPrivate(x)
//	}
func (o *Owner[T]) TryPushPrivate(x *T) bool {
	b := o.bottom
	if b == o.limit || o.thief.want.Load() != wantNothing { // pairs with the store in ask
		return false
	}
	o.slots[b&int64(len(o.slots)-1)].store(x)
	o.bottom = b + 1
	return true
}

// PushPrivate adds x, which must not be nil, as the newest element in the private tail, where thieves cannot take it until it
// is exposed. If a thief has asked for work, it exposes half of the tail, rounded up, oldest first, and
// reports true: that is the moment to wake a thief that went to sleep after asking. It allocates only to grow.
//
// It panics in a FIFO deque, which has no private tail.
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

// PopPrivate removes the newest element if it is private, and returns it, or nil. Meant as the inlined fast path of
// a caller that goes on with [Owner.Pop].
func (o *Owner[T]) PopPrivate() *T {
	b := o.bottom - 1
	if b-o.split < 0 {
		return nil
	}
	s := &o.slots[b&int64(len(o.slots)-1)]
	x := s.load()
	s.store(nil)
	o.bottom = b
	return x
}

// PopPrivateIf removes the newest element if it is private and is x, and reports whether it did. Meant as the inlined fast
// path of a join, which wants its own frame or none.
func (o *Owner[T]) PopPrivateIf(x *T) bool {
	b := o.bottom - 1
	if b-o.split < 0 {
		return false
	}
	s := &o.slots[b&int64(len(o.slots)-1)]
	if s.load() != x {
		return false
	}
	s.store(nil)
	o.bottom = b
	return true
}

// TakeBackIf is PopPrivateIf for an owner that pools its elements: it leaves the pointer in its slot, above bottom, until
// something else is pushed there, which saves a store for each pair of push and pop (BenchmarkFib).
func (o *Owner[T]) TakeBackIf(x *T) bool {
	b := o.bottom - 1
	if b-o.split < 0 || o.slots[b&int64(len(o.slots)-1)].load() != x {
		return false
	}
	o.bottom = b
	return true
}

// Leftover returns the element that TakeBackIf left in the slot of the next push, or nil: it left none there, or the next push
// has to make room first. Every other way to take an element clears its slot, at the latest when room is made for another.
func (o *Owner[T]) Leftover() *T {
	b := o.bottom
	if b == o.limit {
		return nil
	}
	return o.slots[b&int64(len(o.slots)-1)].load()
}

// PushLeftover is TryPushPrivate of what Leftover has just returned, without the store. It reports false, and has done nothing,
// if a thief has asked.
func (o *Owner[T]) PushLeftover() bool {
	if o.thief.want.Load() != wantNothing { // pairs with the store in ask
		return false
	}
	o.bottom++
	return true
}

// Pop removes an element and returns it, or nil if there is none: the newest in a LIFO deque, the oldest in a FIFO one.
func (o *Owner[T]) Pop() *T {
	if x := o.PopPrivate(); x != nil {
		return x
	}
	if o.thief.flavour == FIFO {
		return o.takeOldest()
	}
	return o.takeNewest()
}

// takeNewest takes the newest shared element of a LIFO deque whose private tail is empty: the owner's side of
// "Owner against thief" in invariant.go. It takes one element and leaves the others shared: moving split down for several at once
// would make the next pops cheaper, but hide elements that were promised to be visible.
func (o *Owner[T]) takeNewest() *T {
	v := &o.thief
	// Often there is nothing left; that is known without a store, since top never falls.
	t := v.top.Load()
	o.sweep(t)
	if o.split-t <= 0 {
		return nil
	}
	b := o.split - 1
	v.split.Store(b) // (O1) pairs with the load of split in steal
	if planted != takeLoadsTopFirst {
		t = v.top.Load() // (O2) pairs with the CAS in steal
	}
	if b-t > 0 || planted == takeSkipsCAS && b == t {
		// No thief can claim b: it would have to see top at b, later than now, and then sees split at b too.
		s := o.slot(b)
		x := s.load()
		s.store(nil)
		o.bottom, o.split = b, b
		return x
	}
	// Either b is the last element, and the CAS decides between the owner and the thieves, or it is gone. In both cases
	// the deque is empty with top at b+1 afterwards, and split goes back there.
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

// Peek returns the i-th oldest element, from 0, of a FIFO deque without removing it, or nil if there are no more than i. Thieves
// may have it before the caller does anything about it: it is for looking ahead.
func (o *Owner[T]) Peek(i int) *T {
	t := o.thief.top.Load()
	if o.split-t <= int64(i) {
		return nil
	}
	return o.slot(t + int64(i)).load()
}

// takeOldest takes the oldest element of a FIFO deque, by the same CAS as thieves.
func (o *Owner[T]) takeOldest() *T {
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

// Wanted reports whether a thief has asked for private elements since they were last exposed. One load.
func (o *Owner[T]) Wanted() bool { return o.thief.want.Load() == wantHalf }

// Expose lets thieves at half of the private tail, rounded up, oldest first, if a thief has asked for it, and returns the number of
// elements exposed. The request is then met, even if there was nothing to expose.
func (o *Owner[T]) Expose() int {
	if !o.Wanted() {
		return 0
	}
	// Lower want first: a thief that asks from now on asks for the rest, and is heard next time.
	if planted != askClearsAfterExpose {
		o.thief.want.Store(wantNothing)
	}
	o.sweep(o.thief.top.Load()) // an owner that stays in its private tail would not come to it otherwise
	n := (o.bottom - o.split + 1) / 2
	o.shareTo(o.split + n)
	if planted == askClearsAfterExpose {
		o.thief.want.Store(wantNothing)
	}
	return int(n)
}

// ExposeAll lets thieves at the whole private tail, asked or not, and returns the number of elements exposed. It is for
// an owner that is about to go away for a while.
func (o *Owner[T]) ExposeAll() int {
	n := o.bottom - o.split
	if o.Wanted() {
		o.thief.want.Store(wantNothing)
	}
	o.shareTo(o.bottom)
	return int(n)
}

// EachPrivate calls f for the n oldest private elements, oldest first: those that exposing n makes visible.
// It serves an owner that keeps account of what it exposes.
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

// publish makes everything below b visible, after the slots up to b have been written.
func (o *Owner[T]) publish(b int64) {
	o.bottom, o.split = b, b
	o.thief.split.Store(b) // pairs with the load in steal: publishes the slots below b
}

// Trim gives back the memory of a ring that has grown, if the deque is empty: its capacity returns to what it was at Init.
// It is for an owner that goes to sleep. Trim allocates the small ring, and does nothing if the deque has not grown.
func (o *Owner[T]) Trim() {
	if o.Len() > 0 || len(o.slots) <= o.first {
		return
	}
	// A thief that still works on an element of the old ring finds something else in the new one, and its CAS fails:
	// top has passed that element.
	o.swept = o.bottom
	o.limit = o.bottom
	o.install(newRing[T](o.first))
}

// Reserve makes sure that the next n pushes find room, unless there are other pushes in between.
func (o *Owner[T]) Reserve(n int) { o.reserve(int64(n)) }

func (o *Owner[T]) reserve(n int64) {
	if o.limit-o.bottom < n {
		o.makeRoom(n)
	}
}

// makeRoom sweeps, grows if n more elements do not fit, and sets a new limit, at least n above bottom.
//
//go:noinline
func (o *Owner[T]) makeRoom(n int64) {
	if len(o.slots) == 0 {
		panic("deque: push on an Owner that was not initialised: call Init or New first")
	}
	t := o.thief.top.Load() // pairs with the CAS in steal: slots below t may be written from here on
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

// sweep clears the slots below t, all of which have been taken, so that the ring does not keep their elements alive.
// Each slot is cleared once for each element it held, so a sweep is paid for by the pushes before it.
func (o *Owner[T]) sweep(t int64) {
	if planted == sweepOvershoots && t != o.bottom {
		t++
	}
	for ; o.swept-t < 0; o.swept++ {
		o.slot(o.swept).store(nil)
	}
}

func (o *Owner[T]) slot(i int64) *slot[T] {
	return &o.slots[i&int64(len(o.slots)-1)]
}

// roundUp returns the least power of two that is neither below n nor below minCapacity.
func roundUp(n int) int {
	return 1 << bits.Len(uint(max(n, minCapacity)-1))
}
