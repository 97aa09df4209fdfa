package scheduler

import (
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// An injector is the queue for everything that does not come from a worker: tasks
// submitted or made ready by ordinary goroutines, and expired timers that sysmon
// found. It is first-in-first-out and unbounded; descriptors are linked through
// their Next, so it allocates nothing.
//
// A mutex guards it. Submitters from outside are goroutines, which a mutex suits;
// workers only try the lock, and come in batches.
type injector struct {
	mu         atomicx.Mutex
	head, tail *rt.Desc
	n          atomicx.Int64 // changed under mu, read by anybody

	// Free descriptors for submissions, so that one lock serves both. Under mu.
	free     *rt.Desc
	accepted atomicx.Uint64 // submissions so far; changed under mu, read by anybody
}

// push appends d.
func (q *injector) push(d *rt.Desc) {
	q.mu.Lock()
	q.append(d)
	q.mu.Unlock()
}

// append is push for a caller that holds mu.
func (q *injector) append(d *rt.Desc) {
	d.Next = nil
	if q.tail == nil {
		q.head = d
	} else {
		q.tail.Next = d
	}
	q.tail = d
	q.n.Store(q.n.Load() + 1) // publishes for the look of a worker that is about to sleep
}

// empty reports whether there was nothing in it at some moment during the call.
func (q *injector) empty() bool { return q.n.Load() == 0 }

// len returns the number of queued tasks.
func (q *injector) len() int { return int(q.n.Load()) }

// maxBatch is the most that a worker moves to its own queue at once: enough to
// make the lock cheap (BenchmarkSubmit is flat from 64 on), few enough to leave some for others.
const maxBatch = 128

// pop takes the oldest task and, for a share of share, more that the caller queues
// for itself by calling more. ok is false if somebody else holds the lock: worth
// another try.
func (q *injector) pop(share int, more func(d *rt.Desc)) (d *rt.Desc, ok bool) {
	if q.empty() {
		return nil, true
	}
	if !q.mu.TryLock() {
		return nil, false
	}
	d = q.head
	if d == nil {
		q.mu.Unlock()
		return nil, true
	}
	n := int64(1)
	last := d
	if more != nil {
		for limit := min(q.n.Load()/int64(share)+1, maxBatch); n < limit && last.Next != nil; n++ {
			last = last.Next
		}
	}
	q.head = last.Next
	if q.head == nil {
		q.tail = nil
	}
	last.Next = nil
	rest := d.Next
	d.Next = nil
	for rest != nil {
		next := rest.Next
		rest.Next = nil
		more(rest)
		rest = next
	}
	// Last: a worker that looks before it sleeps must see the batch in one place
	// or the other.
	q.n.Store(q.n.Load() - n)
	q.mu.Unlock()
	return d, true
}
