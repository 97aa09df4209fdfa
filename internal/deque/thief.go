package deque

import (
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// An Outcome is the result of an attempt to steal.
type Outcome uint8

const (
	// Empty means that there was nothing to steal at some moment during the call.
	Empty Outcome = iota
	// Retry means that another thief or the owner was faster. There may be more elements, so it is
	// sensible to try again at once.
	Retry
	// Stolen means that the caller now has the stolen elements and no other party has them.
	Stolen
)

// String returns "Empty", "Retry" or "Stolen".
func (o Outcome) String() string {
	switch o {
	case Empty:
		return "Empty"
	case Retry:
		return "Retry"
	case Stolen:
		return "Stolen"
	}
	return "Outcome(?)"
}

// These are the values of Thief.want.
const (
	wantNothing uint32 = iota
	wantHalf           // a thief found nothing shared and asks for half of the private tail
	// wantNever stays in a FIFO deque, which has no private tail to ask for. It differs from
	// wantNothing, so TryPushPrivate leaves all pushes to PushPrivate, which panics. So
	// TryPushPrivate need not look at the flavour.
	wantNever
)

// A Thief is the shared side of a deque. Any goroutine may use it at any time. [Owner.Thief]
// returns it. A Thief must not be copied.
type Thief[T any] struct {
	// top is the index of the oldest element. It only grows. The party that takes that element
	// raises top by a CompareAndSwap.
	top atomicx.Int64
	_   cpu.CacheLinePad

	// The owner writes split and ring, and thieves read one right after the other, so the two share
	// a cache line.
	//
	// split ends the shared part. A store publishes the slots below it and pairs with the load in
	// steal. In takeNewest the store pairs with the load of top there; see "Owner against thief" in
	// invariant.go.
	split atomicx.Int64
	// ring holds the elements. A store pairs with the load in steal, which comes after that of
	// split. If a thief sees that element i is published, the ring that it loads afterwards holds
	// element i, unless its CAS is going to fail.
	ring    atomicx.Pointer[ring[T]]
	flavour Flavour // immutable after Init
	_       cpu.CacheLinePad

	// A thief that finds nothing shared raises want, and the owner lowers it when it exposes
	// elements. want and split are on different cache lines, so that a store of split does not
	// invalidate the line that TryPushPrivate polls.
	want atomicx.Uint32
	_    cpu.CacheLinePad
}

// Steal takes the oldest shared element. It returns the element with [Stolen], and nil with the
// other outcomes. If nothing is shared in a LIFO deque, Steal asks the owner to expose half of its
// private tail, so another attempt soon may succeed.
//
// Steal never blocks. Each time that it returns [Retry], another call on the deque has succeeded.
func (v *Thief[T]) Steal() (*T, Outcome) {
	x, out := v.steal()
	if out == Empty {
		v.ask()
	}
	return x, out
}

// steal is the thief's side of "Owner against thief" in invariant.go. The order of the three loads
// matters. steal loads top before split, because then top is at least t when it loads split. If
// that split is above t, there was an element at t. It loads split before ring, because then the
// ring is at least as new as the publication of the element.
func (v *Thief[T]) steal() (*T, Outcome) {
	var early *ring[T]
	if planted == stealLoadsRingFirst {
		early = v.ring.Load()
	}
	t := v.top.Load()
	if v.split.Load()-t <= 0 {
		return nil, Empty
	}
	r := v.ring.Load()
	if planted == stealLoadsRingFirst {
		r = early
	}
	x := r.at(t).load() // arbitrary if top has moved on; then the CAS fails
	if !v.top.CompareAndSwap(t, t+1) {
		return nil, Retry
	}
	return x, Stolen
}

// Ask makes the same request as a Steal that finds nothing: the owner of a LIFO deque should expose
// half of its private tail at its next slow path.
func (v *Thief[T]) Ask() { v.ask() }

// ask raises want. It loads want first, so that want stays in the caches of the thieves and the
// owner until it changes.
func (v *Thief[T]) ask() {
	if v.want.Load() == wantNothing {
		// This pairs with the loads in TryPushPrivate and Wanted. It publishes nothing.
		v.want.Store(wantHalf)
	}
}

// StealBatch takes up to half, rounded up, of the shared elements, oldest first, and at most limit.
// It returns the oldest, for the caller to run at once, and pushes the others on dst in their
// order, as if by [Owner.Push]. n counts all of them and is 0 unless the outcome is [Stolen]. Empty
// and Retry have the same meaning as for [Thief.Steal]. With them, dst is unchanged.
//
// The caller must own dst. StealBatch panics if dst is the owner of the victim itself or if limit
// is less than 1.
func (v *Thief[T]) StealBatch(dst *Owner[T], limit int) (first *T, n int, out Outcome) {
	if v == &dst.thief {
		panic("deque: StealBatch from a deque to itself: give the Owner of another deque as dst")
	}
	if limit < 1 {
		panic("deque: StealBatch with limit < 1: ask for at least one element")
	}
	if v.flavour == FIFO || planted == batchClaimsLIFO {
		first, n, out = v.stealRange(dst, limit)
	} else {
		first, n, out = v.stealEach(dst, limit)
	}
	if out == Empty {
		v.ask()
	}
	return first, n, out
}

// stealRange claims a whole batch with one CAS. This is sound in the FIFO flavour, because there
// the owner, like each thief, takes elements only by a CAS of top, and split never falls. The
// elements [t, s) can leave only if top leaves t, so a CAS from t proves that all of them were
// still there. It would be unsound in the LIFO flavour. There the owner pops the element below
// split, and does not touch top if it sees top further below. So it could take an element from the
// middle of such a batch.
//
// All slots are read before the CAS, because the owner may write them once top has passed them.
// stealRange reads them right into dst's ring above its bottom, where no other thread looks, and
// publishes them only if the CAS succeeds.
func (v *Thief[T]) stealRange(dst *Owner[T], limit int) (*T, int, Outcome) {
	t := v.top.Load()
	size := v.split.Load() - t
	if size <= 0 {
		return nil, 0, Empty
	}
	n := batchSize(size, limit)
	r := v.ring.Load()
	if planted == batchReadsAfterCAS && !v.top.CompareAndSwap(t, t+n) {
		return nil, 0, Retry
	}
	dst.reserve(n - 1)
	first := r.at(t).load()
	for i := int64(1); i < n; i++ {
		dst.slot(dst.bottom + i - 1).store(r.at(t + i).load())
	}
	if planted != batchReadsAfterCAS && !v.top.CompareAndSwap(t, t+n) {
		for i := range n - 1 {
			dst.slot(dst.bottom + i).store(nil) // this deque must not keep them alive
		}
		return nil, 0, Retry
	}
	if n > 1 {
		dst.publish(dst.bottom + n - 1)
	}
	return first, int(n), Stolen
}

// stealEach takes a batch with one CAS for each element. When it loses a race, it stops and keeps
// the elements that it has.
func (v *Thief[T]) stealEach(dst *Owner[T], limit int) (*T, int, Outcome) {
	size := v.split.Load() - v.top.Load()
	first, out := v.steal()
	if out != Stolen {
		return nil, 0, out
	}
	n := batchSize(size, limit)
	dst.reserve(n - 1)
	b := dst.bottom
	for b-dst.bottom < n-1 {
		x, out := v.steal()
		if out != Stolen {
			break
		}
		dst.slot(b).store(x)
		b++
	}
	got := b - dst.bottom
	if got > 0 {
		dst.publish(b)
	}
	return first, int(got) + 1, Stolen
}

// batchSize returns half of size, rounded up, within [1, limit].
func batchSize(size int64, limit int) int64 {
	return max(1, min((size+1)/2, int64(limit)))
}

// Len estimates the number of shared elements. It never returns less than the number of shared
// elements that were there before the call and stay until it returns. Private elements do not
// count.
func (v *Thief[T]) Len() int {
	t := v.top.Load()
	// While an owner takes the last element, split may be one below top.
	return int(max(0, v.split.Load()-t))
}

// Look calls f for the shared elements that it finds, the oldest first, until f returns false. It
// takes none. Other parties may take and push elements meanwhile. So f may get an element that has
// been taken by now, a newer element in the place of one that was taken, or nil.
func (v *Thief[T]) Look(f func(x *T) bool) {
	t := v.top.Load()
	n := v.split.Load() - t
	r := v.ring.Load()
	for i := int64(0); i < n && f(r.at(t+i).load()); i++ {
	}
}

// Empty reports whether there was nothing to steal at one moment during the call. Private elements
// do not count.
//
// A worker that is about to sleep uses Empty for its last look. All operations are sequentially
// consistent. If a pusher first pushes and then looks for sleepers, and the worker first announces
// that it sleeps and then calls Empty, then the pusher sees the sleeper, or Empty returns false, or
// the element has been taken or is being taken by the owner.
func (v *Thief[T]) Empty() bool { return v.Len() == 0 }
