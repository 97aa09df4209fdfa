package deque

import "github.com/heddle-go/heddle/internal/deque"

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

// The outcomes must equal those of internal/deque, or this line does not compile.
var _ = [1]struct{}{}[(Empty^Outcome(deque.Empty))|(Retry^Outcome(deque.Retry))|(Stolen^Outcome(deque.Stolen))]

// String returns "Empty", "Retry" or "Stolen".
func (o Outcome) String() string { return deque.Outcome(o).String() }

// A Thief is the shared side of a deque. Any goroutine may use it at any time. [Owner.Thief]
// returns it. A Thief must not be copied.
type Thief[T any] thief[T]

// thief is the type beneath a Thief. The alias keeps the name of an internal type out of go doc.
type thief[T any] = deque.Thief[T]

func (v *Thief[T]) in() *deque.Thief[T] { return (*deque.Thief[T])(v) }

// Steal takes the oldest shared element. It returns the element with [Stolen], and nil with the
// other outcomes. If nothing is shared in a LIFO deque, Steal asks the owner to expose half of its
// private tail, so another attempt soon may succeed.
//
// Steal never blocks. Each time that it returns [Retry], another call on the deque has succeeded.
func (v *Thief[T]) Steal() (*T, Outcome) {
	x, out := v.in().Steal()
	return x, Outcome(out)
}

// StealBatch takes up to half, rounded up, of the shared elements, oldest first, and at most limit.
// It returns the oldest, for the caller to run at once, and pushes the others on dst in their
// order, as if by [Owner.Push]. n counts all of them and is 0 unless the outcome is [Stolen]. Empty
// and Retry have the same meaning as for [Thief.Steal]. With them, dst is unchanged.
//
// The caller must own dst. StealBatch panics if dst is the owner of the victim itself or if limit
// is less than 1.
func (v *Thief[T]) StealBatch(dst *Owner[T], limit int) (first *T, n int, out Outcome) {
	first, n, o := v.in().StealBatch(dst.in(), limit)
	return first, n, Outcome(o)
}

// Len estimates the number of shared elements. It never returns less than the number of shared
// elements that were there before the call and stay until it returns. Private elements do not
// count.
func (v *Thief[T]) Len() int { return v.in().Len() }

// Empty reports whether there was nothing to steal at one moment during the call. Private elements
// do not count.
//
// A worker that is about to sleep uses Empty for its last look. All operations are sequentially
// consistent. If a pusher first pushes and then looks for sleepers, and the worker first announces
// that it sleeps and then calls Empty, then the pusher sees the sleeper, or Empty returns false, or
// the element has been taken or is being taken by the owner.
func (v *Thief[T]) Empty() bool { return v.in().Empty() }
