package inject

import (
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// A Blocked is a submission that waits for room. Its submitter makes it by NewBlocked, and waits by
// its Waiter. The submitter owns the task until another party takes the Blocked out of the list.
type Blocked struct {
	list.Links[Blocked] // under the mutex
	wait.Waiter
	q *Queue
	d *rt.Task

	let       bool // the worker that took it out has queued the task; written before the wake-up
	withdrawn bool // the submitter has taken it out
}

// NewBlocked returns a Blocked for d, which has started its life and is in no queue. q has a limit.
func (q *Queue) NewBlocked(d *rt.Task) *Blocked { return &Blocked{q: q, d: d} }

// Task returns the task.
func (b *Blocked) Task() *rt.Task { return b.d }

// Let reports whether a worker has queued the task. Only the submitter may call it, after its wait.
func (b *Blocked) Let() bool { return b.let }

// Block is Block-B2. Under the mutex it calls refused, which reports whether the phase refuses
// submissions. If refused returns false, Block queues the task if there is room, and otherwise
// enters b into the list. Block returns what it has done.
func (q *Queue) Block(b *Blocked, refused func() bool) Outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	if refused() {
		return Refused
	}
	if q.limit.reserve() {
		q.accept(b.d) // (Sleep-P1)
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
	Queued                 // it has queued the task; the caller has to do Sleep-P2 and Sleep-P3
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

// Retract reports whether the submitter owns the task: Withdraw has taken b out of the list, or
// Retract takes it out now. It returns false if another party has taken b out.
func (b *Blocked) Retract() bool { return b.withdrawn || b.takeOut() }

// Abandon ends the wait, because the task was cancelled.
func (b *Blocked) Abandon() {
	if b.takeOut() { // (Block-K2)
		b.Wake(nil) // (Block-K3)
	}
}

// takeOut takes b out of the list, if it is there.
func (b *Blocked) takeOut() bool {
	b.q.mu.Lock()
	defer b.q.mu.Unlock()
	return b.Leave()
}

// Refuse ends the waits of all blocked submissions. The scheduler calls it after it has set a phase
// in which it takes no submissions (Block-K1).
func (q *Queue) Refuse() {
	if q.limit == nil {
		return
	}
	q.mu.Lock()
	all := q.limit.list.TakeAll() // (Block-K2)
	q.mu.Unlock()
	for b := all.Take(); b != nil; b = all.Take() {
		b.Wake(nil) // (Block-K3)
	}
}

// FirstBlocked returns the submission that has been blocked for longest, or nil.
func (q *Queue) FirstBlocked() *Blocked {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.limit.list.First
}
