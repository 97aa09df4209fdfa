package deque

import "github.com/heddle-go/heddle/internal/deque"

// An Outcome says how an attempt to steal ended.
type Outcome deque.Outcome

const (
	// Empty: there was nothing to steal at some moment during the call.
	Empty = Outcome(deque.Empty)
	// Retry: another thief or the owner was faster. There may be more; trying again at once is sensible.
	Retry = Outcome(deque.Retry)
	// Stolen: the caller now has what was stolen, and no other thief has.
	Stolen = Outcome(deque.Stolen)
)

// String returns "Empty", "Retry" or "Stolen".
func (o Outcome) String() string { return deque.Outcome(o).String() }

// A Thief is the shared side of a deque: what anyone may use, at any time, from any goroutine. It is obtained from
// [Owner.Thief] and must not be copied.
type Thief[T any] deque.Thief[T]

func (v *Thief[T]) in() *deque.Thief[T] { return (*deque.Thief[T])(v) }

// Steal takes the oldest shared element. It returns the element only with [Stolen], otherwise nil. If it finds nothing shared
// in a LIFO deque, it asks the owner to expose half of its private tail, if there is one: worth another try soon.
//
// Steal never blocks: some call on the deque succeeds each time one returns [Retry].
func (v *Thief[T]) Steal() (*T, Outcome) {
	x, out := v.in().Steal()
	return x, Outcome(out)
}

// StealBatch takes up to half, rounded up, of the shared elements, but at most limit, oldest first. The oldest is returned, to
// be run at once; the others are pushed on dst in their order, as if by [Owner.Push]. n counts all of them and is 0
// unless the outcome is [Stolen]. Empty and Retry mean what they mean for [Thief.Steal], and leave dst unchanged.
//
// The caller must own dst. StealBatch panics if dst is the owner of the victim itself, or limit is less than 1.
func (v *Thief[T]) StealBatch(dst *Owner[T], limit int) (first *T, n int, out Outcome) {
	first, n, o := v.in().StealBatch(dst.in(), limit)
	return first, n, Outcome(o)
}

// Len returns the number of shared elements at about this moment: never less than those that were pushed before the call and
// are not taken until it returns. Private elements do not count.
func (v *Thief[T]) Len() int { return v.in().Len() }

// Empty reports whether there was nothing to steal at one moment during the call. Private elements do not count.
//
// It serves as the re-check of a worker that is about to sleep. The operations are sequentially consistent, so
// if a pusher first pushes and then looks for sleepers, and the worker first announces that it sleeps and then calls Empty, then
// either the pusher sees the sleeper, or Empty returns false unless the element has been taken or is being taken by the owner.
func (v *Thief[T]) Empty() bool { return v.in().Empty() }
