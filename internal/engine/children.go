package engine

import (
	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/rt"
)

// When a child takes the place of an older child in the next slot, the older one goes to the deque
// children. The worker takes the newest of them, and thieves take the oldest. So a worker visits
// its part of a tree of tasks depth first, and a thief gets a large part of the tree. In the run
// queue, which is first-in-first-out, the worker would visit the tree level by level. A task that
// waits for its children needs a stack, so that takes memory, and time for the cache misses:
// fib(27) with a task for each call, whose results come over channels, took five times as long and
// 480 MB instead of 10 MB (BenchmarkActorTree/program=fib has such a tree). A wait that names a
// child needs no order, because claim takes that child out of any queue.
//
// Three rules keep the order fair:
//
//	first   The newest child of a dispatch stays in the next slot. The others run in the order in
//	        which they were started. To bring them into this order, orderSiblings reverses them
//	        before the worker takes one of them, and before it displaces a child of another
//	        dispatch.
//	turns   If there are children and tasks in the run queue, pop takes them in turns. So the
//	        children delay a task in the run queue by at most one dispatch for each task ahead of
//	        it. Chains (see chain.go) delay it too, with and without children.
//	oldest  Newer children could keep an old one waiting for ever. So the oldest child has a turn,
//	        as the injector and the forked calls have (takeStarved). But each old child may start a
//	        tree. If the worker began one at every turn, it would hold many trees half visited. So
//	        it skips a turn if more children wait than were left after the last turn that it used,
//	        but at most maxPassed times in a row. (If no child waits at a turn, the worker takes
//	        that number for 0, so it skips the next maxPassed turns at which children wait. If it
//	        took the first child at once, it would visit a tree from both ends and run the
//	        siblings of one dispatch out of order.)
//
// If n children wait and no further ones come, the last of them begins after at most
// 3*(n+maxPassed)*fairTick looks for work. If further ones come, it begins after at most
// 3*n*(maxPassed+1)*fairTick looks.
//
// Rejected: a turn for the oldest child each time, which takes fib(27) 1.8 times the time and six
// times the memory. Rejected as well: last-in-first-out for all tasks, which starves tasks that
// yield.

// maxPassed is how many turns in a row the oldest child is passed up. 64 turns are 11,712 looks,
// some milliseconds of the shortest tasks.
const maxPassed = 64

// siblings are the newest children: those that were displaced in the dispatch with that number.
type siblings struct {
	n        int
	dispatch uint32
}

// A treeTurn is what the worker remembers of the turns of the oldest child.
type treeTurn struct {
	left   int // children that waited after the last turn; 0 if there were none for a turn
	passed int // turns that were passed up since
}

// displace queues a task that another one has displaced from the next slot (Sleep-P1). fresh is
// the value of nextSlot.fresh that belongs to the task, and dispatch is the number of the present
// dispatch. The caller goes on with Sleep-P2.
func (q *queues) displace(old *rt.Task, fresh, dispatch uint32) {
	if fresh != newChild {
		q.runq.Push(old) // (Sleep-P1)
		return
	}
	if dispatch != q.siblings.dispatch {
		q.orderSiblings()
		q.siblings.dispatch = dispatch
	}
	q.siblings.n++
	q.children.Push(old) // (Sleep-P1)
}

// orderSiblings puts the siblings into the order in which they will run: the one that was started
// first becomes the newest. For a moment thieves do not see them, so orderSiblings wakes a worker,
// which may have looked then (Sleep-W3).
func (q *queues) orderSiblings() {
	if q.siblings.n > 1 {
		q.children.ReverseNewest(q.siblings.n)
		q.crew.wakeOne() // (Sleep-P2, Sleep-P3)
	}
	q.siblings.n = 0
}

// newestChild takes the newest child after orderSiblings, or returns nil.
func (q *queues) newestChild() *rt.Task {
	if q.siblings.n > 1 {
		q.orderSiblings()
	}
	for {
		d := q.children.PopShared()
		if d == nil {
			return nil
		}
		if d = q.valid(d); d != nil {
			return d
		}
	}
}

// oldestChild takes the oldest child if that may use its turn, and otherwise returns nil.
func (q *queues) oldestChild() *rt.Task {
	t, v := &q.treeTurn, q.children.Thief()
	if v.Empty() {
		*t = treeTurn{}
		return nil
	}
	if v.Len() > t.left && t.passed < maxPassed {
		t.passed++
		return nil
	}
	for !v.Empty() {
		if d, out := v.Steal(); out == deque.Stolen {
			if d = q.valid(d); d != nil {
				*t = treeTurn{left: v.Len()}
				return d
			}
		}
	}
	return nil
}

// maxStolenChildren bounds a batch of stolen children. Each of them may bring a tree, so a few are
// enough. If none does, a thief should not come back for each one.
const maxStolenChildren = 32

// stealChildren steals up to half of v's children. It returns the oldest of the batch, and leaves
// the others among w's children. It returns nil if v has none.
func (w *worker) stealChildren(v *worker) *rt.Task {
	for !v.children.Thief().Empty() {
		d, n, out := v.children.Thief().StealBatch(&w.children, maxStolenChildren)
		if out != deque.Stolen {
			continue
		}
		w.n.steals++
		w.n.stolen += uint64(n)
		if n > 1 && !w.searching {
			w.crew.wakeOne() // as in stealFrom
		}
		if d = w.valid(d); d == nil {
			d = w.newestChild() // of the batch
		}
		if d != nil {
			w.stole(d, v)
			return d
		}
	}
	return nil
}
