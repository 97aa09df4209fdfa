package rt

import "github.com/heddle-go/heddle/internal/atomicx"

// A Waiter waits for the end of a task: either a task, which is parked, or an
// ordinary goroutine, which blocks on a channel.
type Waiter struct {
	next  *Waiter
	claim atomicx.Uint32
	gen   uint32
	depth atomicx.Uint32 // about how many are in the list from here on

	Task   *Task         // the waiting task, or
	C      chan struct{} // of capacity 1, for a goroutine, and
	Shared *Shared       // where the goroutine is owed a P
}

const (
	wtWaiting   = 0
	wtWoken     = 1 // whoever made it so owes the wake-up
	wtAbandoned = 2 // the waiter has gone
)

// maxJoins is how many free waiters a worker keeps.
const maxJoins = 64

// NewWaiter returns a waiter for d, which runs on w.
func (w *Worker) NewWaiter(d *Task) *Waiter {
	x := w.joins
	if x == nil {
		return &Waiter{Task: d}
	}
	w.joins = x.next
	w.njoins--
	x.Reset()
	x.Task = d
	return x
}

// KeepWaiter keeps x, which belonged to the task that runs on w and was woken, for NewWaiter: it is in no list, because who
// wakes a waiter has taken it out, and its waker does not look at it any more.
func (w *Worker) KeepWaiter(x *Waiter) {
	if w.njoins == maxJoins {
		return
	}
	x.Task = nil
	x.next = w.joins
	w.joins = x
	w.njoins++
}

// Reset makes a waiter that was woken ready for another wait.
func (w *Waiter) Reset() {
	w.next = nil
	w.claim.Store(wtWaiting)
}

// Claim is called by the waker of a list: if it reports true, the caller has
// to wake w, and nobody else does.
func (w *Waiter) Claim() bool { return w.claim.CompareAndSwap(wtWaiting, wtWoken) }

// Abandon is called by the waiter when it wants to go. If it reports false, a
// wake-up has come or is coming, and the waiter has to take it.
func (w *Waiter) Abandon() bool { return w.claim.CompareAndSwap(wtWaiting, wtAbandoned) }

// Await registers w for the end of life gen. It reports false if that has come
// already, and then w will not be woken.
//
//	waiter                            finisher (Finish and its caller)
//	W1 push w on the list             F1 change the status word
//	W2 load the status word           F2 take the list
//	   ended: Abandon                 F3 Claim each, and wake it
//
// The operations are sequentially consistent. If W1 comes before F2, F3 finds w;
// otherwise F1 comes before W2, and W2 sees the end. If both hold, the CAS in
// Abandon and Claim lets one of them win. A waiter that came so late that it stands in the
// list of a later life is abandoned by W2, or is woken by that life's end after
// it has seen that its own task ended, which is no less true.
//
// Abandoned waiters stay in the list; now and then who registers sweeps them out, as if it
// were the finisher, and puts the others back before W2.
func (d *Task) Await(w *Waiter, gen uint32) bool {
	w.gen = gen
	var depth uint32
	for {
		h := d.waiters.Load()
		w.next = h
		depth = 1
		if h != nil {
			depth = h.depth.Load() + 1
		}
		w.depth.Store(depth)
		if d.waiters.CompareAndSwap(h, w) {
			break
		}
	}
	if depth > sweepDepth && depth&(depth-1) == 0 {
		d.sweep(gen)
	}
	if d.Status().Live(gen) {
		return true
	}
	return !w.Abandon()
}

// sweepDepth is the length of a list that is not worth sweeping. From there on each
// doubling of the length, as far as the waiters know it, is.
const sweepDepth = 32

// sweep removes abandoned waiters from the list.
func (d *Task) sweep(gen uint32) {
	var keep *Waiter
	n := uint32(0)
	for w := d.takeWaiters(); w != nil; {
		next := w.next
		if w.claim.Load() == wtWaiting {
			n++
			w.depth.Store(n)
			w.next = keep
			keep = w
		}
		w = next
	}
	if keep != nil {
		last := keep
		for last.next != nil {
			last = last.next
		}
		for {
			last.next = d.waiters.Load() // depths are now too small, which only delays a sweep
			if d.waiters.CompareAndSwap(last.next, keep) {
				break
			}
		}
	}
	if !d.Status().Live(gen) {
		// The end may have come while the waiters were out of the list.
		WakeAll(d.takeWaiters(), nil)
	}
}

// WakeAll wakes the waiters of a list. local queues a task of the caller's scheduler; without
// it, and for others, the task's own scheduler does.
func WakeAll(list *Waiter, local func(t *Task) bool) {
	for list != nil {
		next := list.next
		if list.Claim() {
			if t := list.Task; t == nil {
				list.Shared.ReadyGoroutines.Add(1)
				list.C <- struct{}{}
			} else if t.Wake() && (local == nil || !local(t)) {
				t.Shared().Sched.Inject(t)
			}
		}
		list = next
	}
}

func (d *Task) takeWaiters() *Waiter {
	if d.waiters.Load() == nil { // the usual case; ordered by the change of status before
		return nil
	}
	return d.waiters.Swap(nil)
}
