package inject

import (
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// A Blocked is a submission that waits for room. Its submitter, which makes it by NewBlocked and
// waits by its Waiter, owns the task until another party takes it out of the list.
type Blocked struct {
	list.Links[Blocked] // under the mutex
	wait.Waiter
	q *Queue
	d *rt.Task

	let       bool // it has been queued, by the worker that took it out. Written before the wake-up
	withdrawn bool // its submitter has taken it out
}

// NewBlocked returns a Blocked for d, which has started its life and is in no queue. q has a limit.
func (q *Queue) NewBlocked(d *rt.Task) *Blocked { return &Blocked{q: q, d: d} }

// Task returns the task.
func (b *Blocked) Task() *rt.Task { return b.d }

// Let reports whether a worker has queued the task. The submitter may ask when its wait is over.
func (b *Blocked) Let() bool { return b.let }

// Block does B2: it calls refused under the mutex, and if that returns false it queues the task if
// there is room, or else enters b into the list. It returns what it has done.
func (q *Queue) Block(b *Blocked, refused func() bool) Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	if refused() {
		return Refused
	}
	if q.limit.reserve() {
		q.accept(b.d) // (P1)
		return Queued
	}
	q.limit.list.Push(b)
	return Listed
}

// An Outcome is what Block has done.
type Outcome int

// What Block may have done.
const (
	Refused Outcome = iota // nothing
	Queued                 // it has queued the task: P2 and P3 are up to the caller
	Listed                 // it has entered the submission into the list
)

// Withdraw implements wait.Withdrawer: the submitter gives up.
func (b *Blocked) Withdraw() bool {
	if !b.takeOut() {
		return false
	}
	b.withdrawn = true
	return true
}

// Retract takes b out of the list for its submitter, if Withdraw has not, and reports whether no
// other party has.
func (b *Blocked) Retract() bool { return b.withdrawn || b.takeOut() }

// Abandon ends the wait, because the task was cancelled.
func (b *Blocked) Abandon() {
	if b.takeOut() { // (K2)
		b.Wake(nil) // (K3)
	}
}

// takeOut takes b out of the list, if it is there.
func (b *Blocked) takeOut() bool {
	b.q.mu.Lock()
	defer b.q.mu.Unlock()
	return b.Leave()
}

// Refuse ends the waits of all blocked submissions. The scheduler calls it when its phase is past
// open (K1).
func (q *Queue) Refuse() {
	if q.limit == nil {
		return
	}
	q.mu.Lock()
	all := q.limit.list.TakeAll() // (K2)
	q.mu.Unlock()
	for b := all.Take(); b != nil; b = all.Take() {
		b.Wake(nil) // (K3)
	}
}

// FirstBlocked returns the submission that has been blocked for longest, or nil.
func (q *Queue) FirstBlocked() *Blocked {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limit.list.First
}
