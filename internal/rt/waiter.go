package rt

import "github.com/heddle-go/heddle/internal/atomicx"

// A Waiter waits for the end of a task, in that task's list of waiters. It belongs to a task, which
// parks, or to an ordinary goroutine, which blocks on the channel C. Package wait builds its waits
// for any event on a Waiter.
type Waiter struct {
	next  *Waiter // not a list.Stack, because waiters are pushed by CAS
	claim atomicx.Uint32
	gen   uint32         // the life for whose end it waits
	depth atomicx.Uint32 // about how many waiters the list has from here on
	hold  atomicx.Uint32 // see Hold

	Task   *Task         // the waiting task, or nil for a goroutine or a held task: see Hold
	Held   *Task         // the waiting task, if the waiter was held since the last Forget, or nil
	C      chan struct{} // of capacity 1, for a goroutine
	Shared *Shared       // the scheduler to count a goroutine in, as ready
}

const (
	wtWaiting   = 0
	wtWoken     = 1 // the party that set it owes the wake-up
	wtAbandoned = 2 // the waiter has gone
)

// maxJoins is the number of free waiters that a worker keeps.
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

// KeepWaiter keeps x for NewWaiter. x must belong to the task that runs on w and must have been
// woken. Then x is in no list, because its waker took the list, and the waker does not look at x
// after the wake-up.
func (w *Worker) KeepWaiter(x *Waiter) {
	if w.njoins == maxJoins {
		return
	}
	x.Task = nil
	x.next = w.joins
	w.joins = x
	w.njoins++
}

// Reset prepares a woken waiter for another wait.
func (w *Waiter) Reset() {
	w.next = nil
	w.claim.Store(wtWaiting)
}

// Claim is called by the waker for each waiter of a list. If it returns true, the caller has to
// wake w, and no other party does.
func (w *Waiter) Claim() bool { return w.claim.CompareAndSwap(wtWaiting, wtWoken) }

// Abandon is called by the waiter to give up. If it returns false, a wake-up has come or is coming,
// and the waiter has to take it.
func (w *Waiter) Abandon() bool { return w.claim.CompareAndSwap(wtWaiting, wtAbandoned) }

// A waiter is held while its task calls a user's code between the moment at which wakers can find
// the waiter and the park: a method of the context under which the task waits, or Unlock of a
// Cond's lock. That code may wait, too. A task has only one flag for wake-ups, so a wake-up for the
// held waiter would end the inner wait, for example with a lock that the task does not have. So the
// waker of a held waiter leaves the task alone, and the task finds out when the user's code has
// returned:
//
//	task                                     waker, which has claimed the waiter
//	Hold-T1  hold = held, and Held = the     Hold-K1  if Held is nil, wake the task
//	         task, before wakers can find    Hold-K2  otherwise add told to hold, and wake
//	         the waiter                               the task unless hold was held
//	Hold-T2  call the user's code
//	Hold-T3  CAS held -> let: if that
//	         fails, the event has come
//	Hold-T4  park
//	Hold-T5  to call more: CAS let -> held;
//	         if that fails, a wake-up comes
//
// The CAS and the addition change the same word. If the addition comes first, Hold-T3 fails, and
// the task takes the event without a park; no wake-up comes. If the CAS of Hold-T3 comes first, the
// waker finds let and wakes the task, in its park or before it. The task does not call the user's
// code then, because Hold-T5 either fails or comes before the addition.
//
// Unhold is Hold-T3 without a later Hold-T5.
//
// Held does not change from before wakers can find the waiter until the wait is over. Task is nil
// if Held is not, so that a wake-up of a waiter that is not held needs no instruction for this.
const (
	holdLet  = 0
	holdHeld = 1
	holdTold = 2 // added to one of these
)

// Hold makes w, which has a Task, held (Hold-T1). Wakers must not know w yet. After the wait, the
// task has to call Forget.
func (w *Waiter) Hold() {
	if w.Held == nil {
		w.Task, w.Held = nil, w.Task
	}
	w.hold.Store(holdHeld)
}

// Unhold ends the hold, if w is held, before a wait that calls no more of a user's code. It returns
// false if the event has come. Then no wake-up comes, and the task must not park.
func (w *Waiter) Unhold() bool {
	return w.Held == nil || w.Let() || w.hold.Load()&holdHeld == 0
}

// Forget ends what Hold has begun. The wait is over, so that no waker knows w any more.
func (w *Waiter) Forget() {
	if w.Held != nil {
		w.Task, w.Held = w.Held, nil
	}
}

// Waiting returns the waiting task, or nil for a goroutine.
func (w *Waiter) Waiting() *Task {
	if w.Held != nil {
		return w.Held
	}
	return w.Task
}

// Let ends the hold until HoldAgain (Hold-T3). w is held. Let returns false if the event has come.
// Then no wake-up comes, and the task must not park.
func (w *Waiter) Let() bool { return w.hold.CompareAndSwap(holdHeld, holdLet) }

// HoldAgain makes w held again after a park (Hold-T5). It returns false if the waker has been here;
// then its wake-up has come or is coming. The task has called Let.
func (w *Waiter) HoldAgain() bool { return w.hold.CompareAndSwap(holdLet, holdHeld) }

// Told is called by the waker of a waiter with a Held task. It reports whether the waker has to
// wake the task (Hold-K2). After that the waker must not touch w.
func (w *Waiter) Told() (wake bool) { return w.hold.Add(holdTold)&holdHeld == 0 }

// Await registers w for the end of life gen. It returns false if that end has come already; w will
// not be woken then.
//
//	waiter                            finisher (Finish and its caller)
//	End-W1  push w on the list        End-F1  change the status word
//	End-W2  load the status word; if  End-F2  take the list
//	        ended, Abandon            End-F3  Claim each waiter, and wake it
//
// All operations are sequentially consistent. If End-W1 comes before End-F2, End-F3 finds w.
// Otherwise End-F1 comes before End-W2, and End-W2 sees the end. If both hold, Abandon and Claim
// compete by CAS, and one of them wins. A waiter may come so late that it enters the list of a
// later life. Then End-W2 abandons it. If the end of the later life wakes it first, that wake-up is
// right too, because the life that the waiter waits for has ended as well.
//
// Abandoned waiters stay in the list. Now and then a call of Await sweeps them out, before End-W2:
// see sweep.
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
		d.sweep()
	}
	if d.Status().Live(gen) {
		return true
	}
	return !w.Abandon()
}

// Await sweeps when the list has more than sweepDepth waiters, and their number is a power of two.
// The number is the one in Waiter.depth, which is approximate.
const sweepDepth = 32

// sweep removes abandoned waiters from the list:
//
//	Sweep-S1  take the list
//	Sweep-S2  load the status word; wake the waiters for lives that have ended, and forget
//	          those that have been abandoned
//	Sweep-S3  put the others back
//	Sweep-S4  load the status word; if their life has ended, go to Sweep-S1
//
// If Sweep-S3 comes before the End-F2 of their life, the finisher finds the waiters. Otherwise
// End-F1 has come before Sweep-S4, which sees it. The descriptor may serve a later life by then,
// and the list may have waiters for that life. So Sweep-S2 compares the life of each waiter.
func (d *Task) sweep() {
	for {
		w := d.takeWaiters() // (Sweep-S1)
		s := d.Status()      // (Sweep-S2)
		var keep, last, ended *Waiter
		n := uint32(0)
		for w != nil {
			next := w.next
			switch {
			case w.claim.Load() != wtWaiting:
			case !s.Live(w.gen):
				w.next = ended
				ended = w
			default:
				if keep == nil {
					last = w
				}
				n++
				w.depth.Store(n)
				w.next = keep
				keep = w
			}
			w = next
		}
		WakeAll(ended, nil)
		if keep == nil {
			return
		}
		for {
			last.next = d.waiters.Load()                   // too small depths only delay a sweep
			if d.waiters.CompareAndSwap(last.next, keep) { // (Sweep-S3)
				break
			}
		}
		if d.Status().Live(s.gen()) { // (Sweep-S4)
			return
		}
	}
}

// WakeAll wakes the waiters of a list. local queues t if t is a task of the caller's scheduler, and
// otherwise returns false. If local is nil or returns false, t's own scheduler queues t.
func WakeAll(list *Waiter, local func(t *Task) bool) {
	for list != nil {
		next := list.next
		if list.Claim() {
			t := list.Task
			if h := list.Held; h != nil && list.Told() {
				t = h
			} else if h == nil && t == nil {
				list.Shared.ReadyGoroutines.Add(1)
				list.C <- struct{}{}
			}
			if t != nil && (t.WakeWaiting() || t.Wake()) && (local == nil || !local(t)) {
				t.Shared().Sched.Inject(t)
			}
		}
		list = next
	}
}

func (d *Task) takeWaiters() *Waiter {
	if d.waiters.Load() == nil { // usually empty; the change of status before orders this load
		return nil
	}
	return d.waiters.Swap(nil)
}
