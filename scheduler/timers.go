package scheduler

import (
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// timers is the scheduler's timer queue: a 4-ary heap under a mutex. It belongs
// to no worker, so no worker that a hog holds has anyone's timers: every worker
// looks at it while it looks for work and when a task's budget is spent, and sysmon looks
// at it when it ticks.
type timers struct {
	first atomicx.Int64 // when the earliest is due; 0 if there is none. Written under mu
	mu    atomicx.Mutex
	heap  []*timer
}

// A timer wakes one task, which waits for rt.ForWake.
type timer struct {
	when  int64 // on the scheduler's clock
	index int   // in the heap; -1 if not there. Under timers.mu
	task  *rt.Desc
}

// add queues t.
func (q *timers) add(t *timer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t.index = len(q.heap)
	q.heap = append(q.heap, t)
	q.up(t.index)
	q.publish()
}

// remove takes t out of the queue. It reports false if t has expired, and then its wake-up has
// been given or is on its way.
func (q *timers) remove(t *timer) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t.index < 0 {
		return false
	}
	q.delete(t.index)
	q.publish()
	return true
}

// due reports whether some timer is due. One load.
func (q *timers) due(now int64) bool {
	f := q.first.Load()
	return f != 0 && f <= now
}

// expireBatch bounds how long the lock is held and how much a worker queues
// at once.
const expireBatch = 64

// expire wakes the tasks whose timers are due and passes those that have to
// be queued to f. It gives up if somebody else is at it.
func (q *timers) expire(now int64, f func(d *rt.Desc)) (n int) {
	for q.due(now) {
		if !q.mu.TryLock() {
			return n
		}
		var batch [expireBatch]*rt.Desc
		k := 0
		for k < len(batch) && len(q.heap) > 0 && q.heap[0].when <= now {
			batch[k] = q.heap[0].task
			k++
			q.delete(0)
		}
		q.publish()
		q.mu.Unlock()
		for _, d := range batch[:k] {
			// index is -1 since delete, so remove fails from there on: the
			// claim of this wake-up is ours alone.
			if d.Wake() {
				f(d)
			}
		}
		n += k
	}
	return n
}

func (q *timers) publish() {
	if len(q.heap) == 0 {
		q.first.Store(0)
	} else if w := q.heap[0].when; w != q.first.Load() {
		q.first.Store(w)
	}
}

func (q *timers) delete(i int) {
	h := q.heap
	h[i].index = -1
	last := len(h) - 1
	if i != last {
		h[i] = h[last]
		h[i].index = i
	}
	h[last] = nil
	q.heap = h[:last]
	if i != last {
		q.down(i)
		q.up(i)
	}
}

func (q *timers) up(i int) {
	h := q.heap
	t := h[i]
	for i > 0 {
		p := (i - 1) / 4
		if h[p].when <= t.when {
			break
		}
		h[i] = h[p]
		h[i].index = i
		i = p
	}
	h[i] = t
	t.index = i
}

func (q *timers) down(i int) {
	h := q.heap
	t := h[i]
	for {
		c := 4*i + 1
		if c >= len(h) {
			break
		}
		least := c
		for j := c + 1; j < min(c+4, len(h)); j++ {
			if h[j].when < h[least].when {
				least = j
			}
		}
		if h[least].when >= t.when {
			break
		}
		h[i] = h[least]
		h[i].index = i
		i = least
	}
	h[i] = t
	t.index = i
}

// len returns the number of pending timers.
func (q *timers) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.heap)
}
