package engine

import (
	"unsafe"

	"github.com/heddle-go/heddle/internal/label"
	"github.com/heddle-go/heddle/internal/rt"
)

// Most tasks of a batch end as they began: they return, no other party waits for them, and the
// worker has nothing to look at but its children. Then again and follow do in a few dozen
// instructions what endTask, find and next do in general.
//
// A task of a task.Func waits among the children as an rt.Draft, without a descriptor. A worker
// that takes it from there in general calls valid, which issues a descriptor. again needs not even
// that: the descriptor of a task that has just ended serves the next draft at once (rt.Task.Renew).
// So a batch runs with one descriptor for each 64 tasks, which stays in the caches.
// BenchmarkSpawnSame, in which no task allocates, takes 780 instructions a task in the general
// way and 720 by follow. With drafts and again BenchmarkSpawnTyped takes 630.

// SpawnDraft implements rt.Host. Unlike Spawn it does not use the next slot, so that the tasks that
// one task starts run in their order. A child that is in the slot was started earlier, and so goes
// first.
func (w *worker) SpawnDraft(x *rt.Draft) bool {
	if !w.plain || w.s.phase.Load() >= phaseClosed {
		return false
	}
	w.n.spawned++
	if w.next.child() {
		if d := w.next.take(); d != nil {
			w.displace(d, newChild, w.Dispatch.Load())
		}
	}
	w.displace(x.Entry(), newChild, w.Dispatch.Load()) // (Sleep-P1)
	w.crew.wakeOne()                                   // (Sleep-P2, Sleep-P3)
	return true
}

// mayFollow reports whether d, whose function has returned, has nothing to clean up, and the worker
// nothing to look at but its children, the newest of which may follow. It is true only if endTask,
// find and next would do no more than again and follow do.
func (p *progress) mayFollow(d *rt.Task, w *worker) bool {
	if d.Worker() != &w.Worker || !w.plain || !d.Plain() || w.handoff != nil {
		return false
	}
	if w.next.full() || w.children.Len() == 0 || w.runq.Len() != 0 || w.Forks.PrivateLen() != 0 {
		return false
	}
	if w.tick+1 == w.stopAt {
		return false
	}
	s := w.s
	if s.shared.ReadyGoroutines.Load() != 0 || s.inj.AnyRanked() || s.phase.Load() >= phaseClosed || label.Any() {
		return false
	}
	if w.siblings.n > 1 {
		w.orderSiblings()
	}
	return true
}

// tookChild counts a look for work that has found a child, as pick and pop do. It comes first,
// because a chain of tasks that each fail to end in the short way must come to the stops, too.
func (w *worker) tookChild() {
	w.tick++
	w.chain.end()
	w.queueTurns++
	w.childTurn = true
}

// followed does what is left of the end of task d.
func (w *worker) followed(d *rt.Task) {
	if !d.Plain() {
		rt.WakeAll(d.TakeWaiters(), w.local) // (End-F2)
	}
	w.n.finished++
}

// renew ends the running task d and begins the next life of its descriptor, if Renew can.
//
//	worker                                 Close
//	Renewal-W1  CAS the word into          Renewal-C1  set the phase
//	            the next life              Renewal-C2  load the word of each descriptor, and
//	Renewal-W2  load the phase; if it is               cancel the life that it shows
//	            closed, cancel that life
//
// All are sequentially consistent. If Renewal-C2 does not see the new life, Renewal-W1 comes after
// it, and so Renewal-W2 comes after Renewal-C1. (The general way skips a task that would begin in a
// closed scheduler. This one has begun, so it is cancelled, as one that parks there.)
func (w *worker) renew(d *rt.Task) bool {
	if !d.Renew() { // (Renewal-W1)
		return false
	}
	// SetCurrent forgets which Ctx has forked.
	w.SetCurrent(d)
	if w.s.phase.Load() >= phaseClosed { // (Renewal-W2)
		d.Cancel(d.Gen(), rt.Closed)
	}
	return true
}

// If the newest child is a draft, again ends the task p.cur, makes its descriptor serve that draft,
// and returns it. Otherwise it returns nil.
func (p *progress) again() *rt.Draft {
	d, w := p.cur, p.l.w
	if !p.mayFollow(d, w) {
		return nil
	}
	e := w.children.Newest()
	if e == nil || !e.Status().Draft() || w.children.PopShared() == nil {
		return nil
	}
	w.tookChild()
	x := e.Draft()
	if !w.renew(d) {
		w.handoff = w.issue(x)
		return nil
	}
	w.followed(d)
	w.Dispatch.Store(w.Dispatch.Load() + 1)
	w.slice.Begin(d.Flag())
	return x
}

// If the newest child is another task with a descriptor, follow ends the task p.cur and makes the
// child p.cur. Otherwise it returns false. The caller has asked Plain, which spares most tasks that
// others wait for the call.
func (p *progress) follow() bool {
	l := p.l
	d, w := p.cur, l.w
	if !p.mayFollow(d, w) {
		return false
	}
	n := w.children.Newest()
	if n == nil || n.Status().Draft() || w.children.PopShared() == nil {
		return false
	}
	if n = w.valid(n); n == nil {
		return false
	}
	w.tookChild()
	if n.Extra() != nil || n.Status().Cancelled() || n.Fib() != nil || !d.FinishPlain() {
		w.handoff = n // next and endTask do the rest
		return false
	}
	w.followed(d)
	w.freeTasks.Put(&w.s.taskPool, d)
	w.begin(n)
	l.Data = unsafe.Pointer(n)
	p.cur = n
	return true
}
