package inject

import (
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
)

// A Queue is the injector of one scheduler. Init prepares it. Any goroutine may call its methods.
// Most of them wait for the mutex, which no method holds for long. The comments of the others say
// that they only try it.
type Queue struct {
	mu     atomicx.Mutex
	normal fifo          // with a limit, submissions are in limit.waiting instead
	n      atomicx.Int64 // queued normal tasks, submissions too; written under mu
	high   fifo          // as normal
	low    fifo

	// The free descriptors are under mu too, so that a submission takes only one lock.
	free  taskpool.List
	pool  *taskpool.Pool
	limit *limit // nil: there is none

	accepted atomicx.Uint64 // see Count

	// ranked is the number of queued high tasks times 2^32, plus the number of low ones. It is
	// written under mu. Every worker loads it whenever it takes a task, so it has a cache line of
	// its own. As long as all tasks are normal, no goroutine writes that line.
	_      cpu.CacheLinePad
	ranked atomicx.Uint64
	_      cpu.CacheLinePad
}

// The parts of Queue.ranked.
const (
	oneHigh = 1 << 32
	oneLow  = 1
)

// Init prepares q. q takes the descriptors of new tasks from pool. Init is called once, before q is
// shared.
func (q *Queue) Init(pool *taskpool.Pool) { q.pool = pool }

// Empty reports whether there was no normal task in q at some moment during the call.
func (q *Queue) Empty() bool { return q.n.Load() == 0 }

// Normal returns the number of queued normal tasks.
func (q *Queue) Normal() int { return int(q.n.Load()) }

// AnyRanked reports whether there was a high or a low task in q at some moment during the call.
func (q *Queue) AnyRanked() bool { return q.ranked.Load() != 0 }

// AnyHigh is AnyRanked for high tasks.
func (q *Queue) AnyHigh() bool { return q.ranked.Load() >= oneHigh }

// AnyLow is AnyRanked for low tasks.
func (q *Queue) AnyLow() bool { return q.ranked.Load()%oneHigh != 0 }

// RankedLen returns the numbers of queued high and low tasks.
func (q *Queue) RankedLen() (high, low int) {
	v := q.ranked.Load() % oneDirected
	return int(v / oneHigh), int(v % oneHigh / oneLow)
}

// Len returns the number of queued tasks. If others queue and take tasks meanwhile, the result is
// approximate.
func (q *Queue) Len() int {
	high, low := q.RankedLen()
	return int(q.n.Load()) + high + low
}

// Accepted returns the number of accepted tasks: those that Submit, Accept and Block have queued,
// and those that were given to Count.
func (q *Queue) Accepted() uint64 { return q.accepted.Load() }

// Count adds n tasks to those of Accepted. They did not come by Submit, Accept or Block.
func (q *Queue) Count(n int) { q.accepted.Add(uint64(n)) }

// New returns a free descriptor for a task with extension x, which may be nil. New does not count
// the task as accepted.
func (q *Queue) New(x *rt.Extra) *rt.Task {
	q.mu.Lock()
	d := q.free.Take(q.pool, x)
	q.mu.Unlock()
	return d
}

// Forget leaves q's free descriptors to the garbage collector. sysmon calls it after a burst.
func (q *Queue) Forget() {
	q.mu.Lock()
	q.free = taskpool.List{}
	q.mu.Unlock()
}

// Submit starts the life of a task that calls fn, and queues it, all under one lock. It returns the
// task and its generation. If there is no room for the submission, it does nothing and returns
// false.
func (q *Queue) Submit(fn any, x *rt.Extra) (d *rt.Task, gen uint32, ok bool) {
	q.mu.Lock()
	if q.limit != nil && !q.limit.reserve() {
		q.mu.Unlock()
		return nil, 0, false
	}
	d = q.free.Take(q.pool, x)
	d.Start(fn, x)
	gen = d.Gen()
	q.accept(d) // (Sleep-P1)
	q.mu.Unlock()
	return d, gen, true
}

// Accept queues a submission. If q has a limit, the caller has taken room for it by Reserve,
// Overfill or DropOldest.
func (q *Queue) Accept(d *rt.Task) {
	q.mu.Lock()
	q.accept(d) // (Sleep-P1)
	q.mu.Unlock()
}

// accept is Accept for a caller that holds mu.
func (q *Queue) accept(d *rt.Task) {
	q.accepted.Add(1)
	if q.limit == nil {
		q.append(d)
		return
	}
	l := d.Status().Level()
	q.put(&q.limit.waiting[l], l, d)
}

// Push queues a task that was made runnable, or a new task to which no limit applies.
func (q *Queue) Push(d *rt.Task) {
	q.mu.Lock()
	q.append(d) // (Sleep-P1)
	q.mu.Unlock()
}

// PushAll is Push for several tasks, under one lock.
func (q *Queue) PushAll(ds []*rt.Task) {
	q.mu.Lock()
	for _, d := range ds {
		q.append(d) // (Sleep-P1)
	}
	q.mu.Unlock()
}

// append is Push for a caller that holds mu.
func (q *Queue) append(d *rt.Task) {
	switch l := d.Status().Level(); l {
	case rt.Normal: // put, inlined
		q.normal.push(d)
		q.n.Store(q.n.Load() + 1)
	case rt.High:
		q.put(&q.high, l, d)
	default:
		q.put(&q.low, l, d)
	}
}

// put appends a task of level l to f, which is one of q's queues. It raises the count last, because
// by the count a worker that is about to sleep sees the task (Sleep-P1).
func (q *Queue) put(f *fifo, l rt.Level, d *rt.Task) {
	f.push(d)
	q.count(l, 1)
}

// count adds delta to the number of queued tasks of level l. The caller holds mu.
func (q *Queue) count(l rt.Level, delta int) {
	switch l {
	case rt.Normal:
		q.n.Store(q.n.Load() + int64(delta))
	case rt.High:
		q.ranked.Store(q.ranked.Load() + uint64(delta)*oneHigh)
	default:
		q.ranked.Store(q.ranked.Load() + uint64(delta)*oneLow)
	}
}

// maxBatch is the largest number of tasks that a worker moves to its own queue at once. It is large
// enough to spread the cost of the lock (BenchmarkSubmit is flat from 64 on), and small enough to
// leave tasks for other workers.
const maxBatch = 128

// Pop takes the oldest normal task. If most is above 1, it also takes up to most-1 further tasks
// and passes them to more, which queues them. Pop only tries the mutex: ok is false if another
// goroutine holds it, and then another call may find a task.
//
// With a limit the further tasks are never submissions: see the package comment.
func (q *Queue) Pop(most int, more func(d *rt.Task)) (d *rt.Task, ok bool) {
	if q.Empty() {
		return nil, true
	}
	if !q.mu.TryLock() {
		return nil, false
	}
	d, let := q.take(rt.Normal)
	moved := 0
	for ; moved < min(most, maxBatch)-1 && q.normal.n > 0; moved++ {
		more(q.normal.pop())
	}
	// The count falls last, because a worker that looks before it sleeps must see the batch in one
	// place or the other.
	q.count(rt.Normal, -moved)
	q.mu.Unlock()
	if let.First != nil {
		q.wakeLet(let)
	}
	return d, true
}

// PopLevel takes the oldest task of level l. With a limit it takes in turn the oldest submission
// and the oldest other task. It only tries the mutex: ok is false if another goroutine holds it.
func (q *Queue) PopLevel(l rt.Level) (d *rt.Task, ok bool) {
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

// take is PopLevel for a caller that holds mu. When the caller has released mu, it has to call
// wakeLet with let.
func (q *Queue) take(l rt.Level) (d *rt.Task, let list.Stack[Blocked]) {
	f := &q.normal
	switch l {
	case rt.High:
		f = &q.high
	case rt.Low:
		f = &q.low
	}
	if a := q.limit; a != nil && a.waiting[l].n > 0 && (f.n == 0 || a.takeNew()) {
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

// wakeLet wakes the submitters of let, whose tasks the method started has queued (Block-K3).
func (q *Queue) wakeLet(let list.Stack[Blocked]) {
	for b := let.Pop(); b != nil; b = let.Pop() {
		q.limit.wake(b)
	}
}
