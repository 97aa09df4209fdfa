package scheduler

import (
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
)

// An injector is the queue for everything that does not come from a worker: tasks
// submitted or made ready by ordinary goroutines, and expired timers that sysmon
// found. It is first-in-first-out and unbounded, but for submissions if there is a limit. It also holds all high and low
// tasks, whoever queued them: see priority.go.
//
// A mutex guards it. Submitters from outside are goroutines, which a mutex suits;
// workers only try the lock, and come for batches.
type injector struct {
	mu    atomicx.Mutex
	tasks fifo          // normal ones; with a limit, without submissions
	n     atomicx.Int64 // queued normal ones, submissions included; read by anybody
	high  fifo          // likewise
	low   fifo

	// Under mu too, so that one lock serves both for a submission.
	freeTasks taskpool.List
	accepted  atomicx.Uint64 // submissions so far; read by anybody
	adm       *admission     // submissions that have not started; nil without a limit

	// ranked is the number of queued high tasks times 2^32, plus that of low ones. Written under mu; every worker looks
	// at it whenever it takes a task, so it has its line to itself: where all tasks are normal nobody writes it.
	_      cpu.CacheLinePad
	ranked atomicx.Uint64
	_      cpu.CacheLinePad
}

// push appends d.
func (q *injector) push(d *rt.Task) {
	q.mu.Lock()
	q.append(d)
	q.mu.Unlock()
}

// append is push for a caller that holds mu.
func (q *injector) append(d *rt.Task) {
	switch l := d.Status().Level(); l {
	case rt.Normal: // put, inlined
		q.tasks.push(d)
		q.n.Store(q.n.Load() + 1)
	case rt.High:
		q.put(&q.high, l, d)
	default:
		q.put(&q.low, l, d)
	}
}

// put appends a task of level l to f, which is one of the injector's queues. The count comes last: it publishes for the
// look of a worker that is about to sleep (P1).
func (q *injector) put(f *fifo, l rt.Level, d *rt.Task) {
	f.push(d)
	q.count(l, 1)
}

// count adds by to the number of queued tasks of level l. The caller holds mu.
func (q *injector) count(l rt.Level, by int) {
	switch l {
	case rt.Normal:
		q.n.Store(q.n.Load() + int64(by))
	case rt.High:
		q.ranked.Store(q.ranked.Load() + uint64(by)*oneHigh)
	default:
		q.ranked.Store(q.ranked.Load() + uint64(by)*oneLow)
	}
}

// accept is append for a new task. If there is a limit it has been reserved room.
func (q *injector) accept(d *rt.Task) {
	q.accepted.Store(q.accepted.Load() + 1)
	if q.adm == nil {
		q.append(d)
		return
	}
	l := d.Status().Level()
	q.put(&q.adm.waiting[l], l, d)
}

// empty reports whether there was no normal task in it at some moment during the call.
func (q *injector) empty() bool { return q.n.Load() == 0 }

// len returns the number of queued tasks.
func (q *injector) len() int {
	v := q.ranked.Load()
	return int(q.n.Load()) + int(v/oneHigh) + int(v%oneHigh)
}

// maxBatch is the most that a worker moves to its own queue at once: enough to
// make the lock cheap (BenchmarkSubmit is flat from 64 on), few enough to leave some for others.
const maxBatch = 128

// pop takes the oldest normal task and, if most is above 1, up to most-1 further ones, which it passes to more for the caller
// to queue. ok is false if another worker holds the lock: worth another try.
//
// With a limit the further ones are no submissions: what has been moved to a worker's queue could not be counted as waiting
// any more, nor be dropped.
func (q *injector) pop(most int, more func(d *rt.Task)) (d *rt.Task, ok bool) {
	if q.empty() {
		return nil, true
	}
	if !q.mu.TryLock() {
		return nil, false
	}
	d, let := q.take(rt.Normal)
	moved := 0
	for ; moved < min(most, maxBatch)-1 && q.tasks.n > 0; moved++ {
		more(q.tasks.pop())
	}
	// Last: a worker that looks before it sleeps must see the batch in one place
	// or the other.
	q.count(rt.Normal, -moved)
	q.mu.Unlock()
	if let.First != nil {
		q.wakeLet(let)
	}
	return d, true
}

// popLevel takes a task of level l: the oldest one, or with a limit in turn the oldest submission and the oldest of the others.
// ok is false if somebody else holds the lock.
func (q *injector) popLevel(l rt.Level) (d *rt.Task, ok bool) {
	if !q.mu.TryLock() {
		return nil, false
	}
	d, let := q.take(l)
	q.mu.Unlock()
	if let.First != nil {
		q.wakeLet(let)
	}
	return d, true
}

// take is popLevel for a caller that holds mu, and has to call wakeLet without it.
func (q *injector) take(l rt.Level) (d *rt.Task, let list.Stack[blocked]) {
	f := &q.tasks
	switch l {
	case rt.High:
		f = &q.high
	case rt.Low:
		f = &q.low
	}
	if a := q.adm; a != nil && a.waiting[l].n > 0 && (f.n == 0 || a.takeNew()) {
		d = a.waiting[l].pop()
		let = q.started()
	} else {
		d = f.pop()
	}
	if d != nil {
		q.count(l, -1)
	}
	return d, let
}

// wakeLet wakes submitters whose tasks have been queued.
func (q *injector) wakeLet(let list.Stack[blocked]) {
	for b := let.Pop(); b != nil; b = let.Pop() {
		q.adm.wake(b)
	}
}
