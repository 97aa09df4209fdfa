package scheduler

import (
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// An injector is the queue for everything that does not come from a worker: tasks
// submitted or made ready by ordinary goroutines, and expired timers that sysmon
// found. It is first-in-first-out and unbounded.
//
// A mutex guards it. Submitters from outside are goroutines, which a mutex suits;
// workers only try the lock, and come for batches.
type injector struct {
	mu   atomicx.Mutex
	ring []*rt.Desc // its length is a power of two, or 0
	head int        // index of the oldest, mod len(ring)
	n    atomicx.Int64

	// Under mu too, so that one lock serves both for a submission.
	descs    descList       // free descriptors
	accepted atomicx.Uint64 // submissions so far; read by anybody
}

// push appends d.
func (q *injector) push(d *rt.Desc) {
	q.mu.Lock()
	q.append(d)
	q.mu.Unlock()
}

// append is push for a caller that holds mu.
func (q *injector) append(d *rt.Desc) {
	n := int(q.n.Load())
	if n == len(q.ring) {
		q.resize(max(64, 2*n))
	}
	q.ring[(q.head+n)&(len(q.ring)-1)] = d
	q.n.Store(int64(n + 1)) // publishes for the look of a worker that is about to sleep
}

// accept is append for a new task.
func (q *injector) accept(d *rt.Desc) {
	q.append(d)
	q.accepted.Store(q.accepted.Load() + 1)
}

func (q *injector) resize(size int) {
	ring := make([]*rt.Desc, size)
	k := copy(ring, q.ring[q.head:])
	copy(ring[k:], q.ring[:q.head])
	q.ring, q.head = ring, 0
}

// empty reports whether there was nothing in it at some moment during the call.
func (q *injector) empty() bool { return q.n.Load() == 0 }

// len returns the number of queued tasks.
func (q *injector) len() int { return int(q.n.Load()) }

// maxBatch is the most that a worker moves to its own queue at once: enough to
// make the lock cheap (BenchmarkSubmit is flat from 64 on), few enough to leave some for others.
const maxBatch = 128

// pop takes the oldest task, and, if more is not nil, further ones up to a fair share
// of one in share, which it passes to more for the caller to queue. ok is false if somebody
// else holds the lock: worth another try.
func (q *injector) pop(share int, more func(d *rt.Desc)) (d *rt.Desc, ok bool) {
	if q.empty() {
		return nil, true
	}
	if !q.mu.TryLock() {
		return nil, false
	}
	defer q.mu.Unlock()
	n := int(q.n.Load())
	if n == 0 {
		return nil, true
	}
	take := 1
	if more != nil {
		take = min(n, n/share+1, maxBatch)
	}
	mask := len(q.ring) - 1
	for i := range take {
		at := &q.ring[(q.head+i)&mask]
		if i == 0 {
			d = *at
		} else {
			more(*at)
		}
		*at = nil
	}
	q.head = (q.head + take) & mask
	// Last: a worker that looks before it sleeps must see the batch in one place
	// or the other.
	q.n.Store(int64(n - take))
	if n == take && len(q.ring) > keepQueue {
		q.ring, q.head = nil, 0 // give a burst's memory back
	}
	return d, true
}
