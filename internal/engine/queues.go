package engine

import (
	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/prefetch"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
)

// The queues are those of one worker. Only the worker calls their methods, apart from
// hasVisibleTask.
type queues struct {
	crew      *crew
	taskPool  *taskpool.Pool
	freeTasks taskpool.List
	stale     int  // about how many entries of runq and children are stale; see dropStale
	childTurn bool // pop has taken a child last
	siblings  siblings
	treeTurn  treeTurn

	// The worker puts a task that the running task has made ready or started into next, to run
	// next. Any worker may take it out. Only this worker touches nextWake and nextSkip: see Local.
	_        cpu.CacheLinePad
	next     nextSlot
	nextWake uint32
	nextSkip uint32

	_    cpu.CacheLinePad
	runq deque.Owner[rt.Task] // FIFO. Thieves take from it
	// children are LIFO. Thieves take from them. See children.go.
	children deque.Owner[rt.Task]
}

func (q *queues) init(c *crew, p *taskpool.Pool) {
	q.crew, q.taskPool = c, p
	q.runq.Init(deque.FIFO, 0)
	q.children.Init(deque.LIFO, 0)
}

// takeInjected takes the injector's oldest task, and moves up to most-1 further ones to the
// worker's queue. If that task's entry is stale, takeInjected returns the oldest of the queue.
func (w *worker) takeInjected(most int) *rt.Task {
	d, _ := w.s.inj.Pop(most, w.runq.Push)
	if d != nil && !w.runq.Thief().Empty() {
		w.crew.wakeOne()
	}
	if d != nil && w.valid(d) == nil {
		return w.pop()
	}
	return d
}

// takeNext takes the task in the next slot, or returns nil. If the task was woken, takeNext does
// not call valid. The status word may say that the task has a stale entry, but then the stale entry
// is in a queue, not in the slot. If takeNext dropped the entry in the slot, the task would run
// only when the stale entry had its turn.
func (q *queues) takeNext() *rt.Task {
	child := q.next.fresh.Load() == newChild
	d := q.next.take()
	if child {
		return q.valid(d)
	}
	return d
}

// pop takes the newest child or the oldest task of the run queue, in turns if there are both. It
// returns nil if there is neither.
func (q *queues) pop() *rt.Task {
	children := q.children.Len() != 0
	if children {
		if q.childTurn = !q.childTurn || q.runq.Len() == 0; q.childTurn {
			if d := q.newestChild(); d != nil {
				return d
			}
		}
	}
	for {
		d := q.runq.PopOldest()
		if d == nil {
			break
		}
		if q.runq.Len() > longQueue {
			q.lookAhead()
		}
		if d = q.valid(d); d != nil {
			return d
		}
	}
	if children {
		if d := q.newestChild(); d != nil {
			q.childTurn = true
			return d
		}
	}
	q.stale = 0
	return nil
}

// lookAhead prefetches memory that the second to fourth task of a long queue will touch. An earlier
// call has done so for the first. The nearer a task is, the more lookAhead prefetches for it. The
// tasks of a short queue are in the caches anyway: each takes about 2 KB there, so 256 of them fill
// a second-level cache of half a megabyte.
func (q *queues) lookAhead() {
	prefetch.Of(q.runq.Peek(3))
	if d := q.runq.Peek(2); d != nil {
		prefetch.Of(d.Fib())
	}
	if d := q.runq.Peek(1); d != nil {
		if f := d.Fib(); f != nil {
			f.Warm()
		}
	}
}

const longQueue = 256

// valid returns d if the caller, which has taken the entry d from a queue, now has the task. It
// returns nil if the entry was stale, or if d is nil. If d is a draft, valid returns the descriptor
// that it issues.
func (q *queues) valid(d *rt.Task) *rt.Task {
	if d == nil || d.Status().Begun() || d.TakenFresh() {
		return d
	}
	return q.validSlow(d) // for a draft, too
}

// issue gives the draft x, which the caller has taken from a queue, a descriptor.
func (q *queues) issue(x *rt.Draft) *rt.Task {
	d := q.freeTasks.Take(q.taskPool, nil)
	d.Start(x, nil)
	return d
}

func (q *queues) validSlow(d *rt.Task) *rt.Task {
	if d.Status().Draft() {
		return q.issue(d.Draft())
	}
	ok, pool := d.Taken()
	if ok {
		return d
	}
	q.stale = max(0, q.stale-1)
	if pool {
		q.freeTasks.Put(q.taskPool, d)
	}
	return nil
}
