package engine

import (
	"github.com/heddle-go/heddle/internal/prefetch"
	"github.com/heddle-go/heddle/internal/rt"
)

// takeInjected takes the injector's oldest task, and moves up to most-1 further ones to the
// worker's queue. If that task's entry is stale, takeInjected returns the oldest of the queue.
func (w *worker) takeInjected(most int) *rt.Task {
	d, _ := w.s.inj.Pop(most, w.runq.Push)
	if d != nil && !w.runq.Thief().Empty() {
		w.s.wakeOne()
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
func (w *worker) takeNext() *rt.Task {
	child := w.next.fresh.Load() == newChild
	d := w.next.take()
	if child {
		return w.valid(d)
	}
	return d
}

// pop takes the newest child or the oldest task of the run queue, in turns if there are both. It
// returns nil if there is neither.
func (w *worker) pop() *rt.Task {
	children := w.children.Len() != 0
	if children {
		if w.childTurn = !w.childTurn || w.runq.Len() == 0; w.childTurn {
			if d := w.newestChild(); d != nil {
				return d
			}
		}
	}
	for {
		d := w.runq.PopOldest()
		if d == nil {
			break
		}
		w.lookAhead()
		if d = w.valid(d); d != nil {
			return d
		}
	}
	if children {
		if d := w.newestChild(); d != nil {
			w.childTurn = true
			return d
		}
	}
	w.stale = 0
	return nil
}

// lookAhead prefetches memory that the second to fourth task of a long queue will touch. An earlier
// call has done so for the first. The nearer a task is, the more lookAhead prefetches for it. The
// tasks of a short queue are in the caches anyway: each takes about 2 KB there, so 256 of them fill
// a second-level cache of half a megabyte.
func (w *worker) lookAhead() {
	if w.runq.Peek(longQueue) == nil {
		return
	}
	prefetch.Of(w.runq.Peek(3))
	if d := w.runq.Peek(2); d != nil {
		prefetch.Of(d.Fib())
	}
	if d := w.runq.Peek(1); d != nil {
		if f := d.Fib(); f != nil {
			f.Warm()
		}
	}
}

const longQueue = 256

// valid returns d if the caller, which has taken the entry d from a queue, now has the task. It
// returns nil if the entry was stale, or if d is nil.
func (w *worker) valid(d *rt.Task) *rt.Task {
	if d == nil || d.Status().Begun() || d.TakenFresh() {
		return d
	}
	return w.validSlow(d)
}

func (w *worker) validSlow(d *rt.Task) *rt.Task {
	ok, pool := d.Taken()
	if ok {
		return d
	}
	w.stale = max(0, w.stale-1)
	if pool {
		w.freeTasks.Put(&w.s.taskPool, d)
	}
	return nil
}
