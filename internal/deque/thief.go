package deque

import (
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// An Outcome says how an attempt to steal ended.
type Outcome uint8

const (
	// Empty: there was nothing to steal at some moment during the call.
	Empty Outcome = iota
	// Retry: another thief or the owner was faster. There may be more; trying again at once is sensible.
	Retry
	// Stolen: the caller now has what was stolen, and no other thief has.
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

// Values of Thief.want.
const (
	wantNothing uint32 = iota
	wantHalf           // a LIFO deque: a thief found nothing and asks for half of the private tail
	// A FIFO deque, for good: it has no private tail to ask for. As it is not wantNothing, TryPushPrivate leaves
	// everything to PushPrivate, which panics, and need not look at the flavour.
	wantNever
)

// A Thief is the shared side of a deque: what anyone may use, at any time, from any goroutine. It is obtained from
// [Owner.Thief] and must not be copied.
type Thief[T any] struct {
	// top is the index of the oldest element. It only grows, by CompareAndSwap, by the thread that takes that element.
	top atomicx.Int64
	_   cpu.CacheLinePad

	// Written by the owner, read by thieves, who read both in turn: one line.
	//
	// split ends the shared part. A store publishes the slots below it and pairs with the load in Steal; in take it pairs
	// with the load of top there ("Owner against thief").
	split atomicx.Int64
	// ring holds the elements. A store pairs with the load in Steal, which comes after that of split: a thief that
	// sees index i published finds it in the ring it then loads, or else no longer needs it.
	ring    atomicx.Pointer[ring[T]]
	flavour Flavour // immutable after Init
	_       cpu.CacheLinePad

	// want is raised by a thief that finds nothing shared, lowered by the owner in Expose. Apart from split, so that a push does
	// not take away the line that TryPushPrivate polls.
	want atomicx.Uint32
	_    cpu.CacheLinePad
}

// Steal takes the oldest shared element. It returns the element only with [Stolen], otherwise nil. If it finds nothing shared
// in a LIFO deque, it asks the owner to expose half of its private tail, if there is one: worth another try soon.
//
// Steal never blocks: some call on the deque succeeds each time one returns [Retry].
func (v *Thief[T]) Steal() (*T, Outcome) {
	x, out := v.steal()
	if out == Empty {
		v.ask()
	}
	return x, out
}

// steal is the thief's side of "Owner against thief". The order of the three loads matters:
// top before split, so that a top below split proves an element at top (split is read when top is already at least t);
// split before ring, so that the ring is at least as new as the publication of the element.
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
	x := r.at(t).load() // may be anything if top has moved on: then the CAS fails
	if !v.top.CompareAndSwap(t, t+1) {
		return nil, Retry
	}
	return x, Stolen
}

// Ask requests what a Steal that finds nothing requests: that the owner of a LIFO deque expose half of its private tail
// at its next slow path.
func (v *Thief[T]) Ask() { v.ask() }

// ask raises want. It looks first: want stays in the caches of the thieves and of the owner until there is news.
func (v *Thief[T]) ask() {
	if v.want.Load() == wantNothing {
		v.want.Store(wantHalf) // pairs with the loads in TryPushPrivate and Wanted; publishes nothing
	}
}

// StealBatch takes up to half, rounded up, of the shared elements, but at most limit, oldest first. The oldest is returned, to
// be run at once; the others are pushed on dst in their order, as if by [Owner.Push]. n counts all of them and is 0
// unless the outcome is [Stolen]. Empty and Retry mean what they mean for [Thief.Steal], and leave dst unchanged.
//
// The caller must own dst. StealBatch panics if dst is the owner of the victim itself, or limit is less than 1.
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

// stealRange claims a whole batch with one CAS. This is sound in the FIFO flavour because every consumer, the owner too, goes
// through top, and split never falls: the elements [t, s) can leave only by a top that leaves t, so a CAS from t
// proves that all of them were still there. (An owner that pops at split takes the newest without touching top
// as long as it sees top well below: it could take an element from the middle of such a batch.)
//
// All slots are read before the CAS, since once top has passed them the owner may write there. They are read right into
// dst's ring above its bottom, where no other thread looks, and published only if the claim holds.
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
			dst.slot(dst.bottom + i).store(nil) // not ours to keep alive
		}
		return nil, 0, Retry
	}
	if n > 1 {
		dst.publish(dst.bottom + n - 1)
	}
	return first, int(n), Stolen
}

// stealEach takes a batch with one CAS an element, and is content with what it has when it meets a rival.
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

// batchSize is half of size, rounded up, within [1, limit].
func batchSize(size int64, limit int) int64 {
	return max(1, min((size+1)/2, int64(limit)))
}

// Len returns the number of shared elements at about this moment: never less than those that were pushed before the call and
// are not taken until it returns. Private elements do not count.
func (v *Thief[T]) Len() int {
	t := v.top.Load()
	// An owner that is just taking the last element may have put split one below top.
	return int(max(0, v.split.Load()-t))
}

// Empty reports whether there was nothing to steal at one moment during the call. Private elements do not count.
//
// It serves as the re-check of a worker that is about to sleep. The operations are sequentially consistent, so
// if a pusher first pushes and then looks for sleepers, and the worker first announces that it sleeps and then calls Empty, then
// either the pusher sees the sleeper, or Empty returns false unless the element has been taken or is being taken by the owner.
func (v *Thief[T]) Empty() bool { return v.Len() == 0 }
