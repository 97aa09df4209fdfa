package engine

import (
	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/rt"
)

// The newest child goes first, as in the Go runtime. Spawn puts it into the next slot, and the
// worker takes the children that others have displaced from there by the rules in children.go.
//
// If a task waits for a task that has not begun, the worker takes the latter out of whatever queue
// it is in and runs it next (claim). It runs the waiter right after it, if worker.handOn may. So
// the wait costs two switches and no search. If a parent waits for children that are still queued,
// they run in the order of the waits.
//
// Rejected: calling the child on the stack of the task that waits, as Rayon's join does. It saves
// the two switches. But if the child suspends, the waiter's frames lie below the child's, so the
// waiter could not go on before the child has ended. A wait that is cancelled would not return. And
// if the child then waits for something that the waiter does after the wait, neither would ever go
// on (TestJoinOfARunningChildIsCancelled).
//
// A chain is a number of dispatches in a row that come before the worker's queues because they
// belong to the task that ran before. Three rules bound it:
//
//	time    A chain ends when it has lasted for a quantum. The worker reads the clock at every
//	        chainCheck-th dispatch, so up to 2*chainCheck dispatches come on top of the quantum.
//	number  A chain has at most maxChain children and claims, and up to maxNextRun woken tasks
//	        after each. So a task in the queue waits for a bounded number of dispatches. If a task
//	        of a chain is preempted, the chain ends.
//	looks   Each dispatch of a chain is a look for work. So at every fairTick-th, the timers have
//	        their turn, and one of the injector, the oldest forked call and the oldest child has
//	        one (worker.fair). High and low tasks have theirs.
//
// When a chain has ended, the oldest task of the queue or the newest child has a turn (worker.pop),
// and a new chain may begin. So the last of n tasks in the queue has its turn when at most 2n
// chains have ended. The Go runtime bounds its chains likewise: a new goroutine inherits the time
// slice of the goroutine that starts it.
type chain struct {
	n       int   // dispatches so far
	nextRun int   // dispatches of woken tasks from the next slot in a row
	since   int64 // when more first read the clock for this chain, at dispatch chainCheck
}

const (
	// chainCheck is how many dispatches of a chain pass between two readings of the clock. A
	// reading takes 25 to 40 ns, so it adds 2 ns to a dispatch. chainCheck should be small, because
	// children that run for long may add that many dispatches to the quantum.
	chainCheck = 16
	// maxChain is some milliseconds of the shortest tasks. It should be large, because each end of
	// a chain leaves a branch of a tree half visited, with a stack for each level. With 256,
	// fib(25) with a task for each call needs twice the memory.
	maxChain = 1 << 14
)

// more reports whether the chain may have another dispatch, and counts it. s has the clock and the
// quantum.
func (c *chain) more(s *Scheduler) bool {
	if c.n++; c.n%chainCheck != 0 {
		return true
	}
	now := s.now()
	if c.n == chainCheck {
		c.since = now
		return true
	}
	if now-c.since < int64(s.quantum.Load()) && c.n < maxChain {
		return true
	}
	c.n-- // so that each call reads the clock until end
	return false
}

// mayHandOn reports whether the chain may have another dispatch without a look for work. If so, it
// counts the dispatch as a look.
func (w *worker) mayHandOn() bool {
	if w.s.shared.ReadyGoroutines.Load() != 0 || w.s.inj.AnyRanked() {
		return false
	}
	if w.tick+1 == w.stopAt {
		return w.mayPassStop()
	}
	if !w.chain.more(w.s) {
		return false
	}
	w.tick++
	return true
}

// mayPassStop is mayHandOn for a dispatch at tick stopAt. If the stop is only there to end a
// measured dispatch, mayPassStop puts it off, because gaugeBegin notices that end, too.
//
//go:noinline
func (w *worker) mayPassStop() bool {
	if (w.tick+1)%fairTick == 0 || !w.chain.more(w.s) {
		return false
	}
	w.tick++
	w.stopAt++
	return true
}

// end ends the chain, because the queue has its turn now.
func (c *chain) end() { c.n, c.nextRun = 0, 0 }

// cut is called when the running task is preempted. If the task belongs to a chain, cut sets n and
// since so that more refuses the next dispatch. If the task came from the queue (n is 0), cut
// changes nothing, and a chain may begin: if it could not, the newest child would never run beside
// a queue full of hogs.
func (c *chain) cut() {
	if c.n > 0 {
		c.n, c.since = 2*chainCheck-1, -int64(MaxQuantum)
	}
}

// maxNextRun bounds how often in a row a woken task in the next slot comes before the queue. So two
// tasks that wake each other cannot starve the queue. A child in the slot is bounded by the rules
// of its chain, above.
const maxNextRun = 3

// runNext takes the task in the next slot if it may run before the queue, and counts the dispatch.
// A child in the slot belongs to the chain. So does a woken task, such as the parent, if the task
// that woke it has ended since. Otherwise maxNextRun bounds the dispatches of woken tasks.
func (w *worker) runNext() *rt.Task {
	if w.next.fresh.Load() == newChild || w.Current.Load() == nil { // the task before has ended
		if !w.chain.more(w.s) {
			return nil
		}
		return w.takeNext()
	}
	if w.chain.nextRun++; w.chain.nextRun > maxNextRun {
		return nil
	}
	return w.next.take() // not takeNext, which takes the same, with more steps
}

// A wish names a task that has not begun: t in life gen. The running task is about to wait for its
// end. If there is no such task, t is nil.
type wish struct {
	t   *rt.Task
	gen uint32
}

// set makes the next look for work claim t, if life gen of t has not begun and t belongs to the
// scheduler of shared.
func (wi *wish) set(t *rt.Task, gen uint32, shared *rt.Shared) {
	if t.Shared() == shared && t.Status().Fresh(gen) {
		*wi = wish{t, gen}
	}
}

// claim takes the wished task out of its queue and returns it, if it has not begun and the chain
// may have another dispatch.
func (w *worker) claim() *rt.Task {
	t, gen := w.wish.t, w.wish.gen
	w.wish.t = nil
	if !w.chain.more(w.s) {
		return nil
	}
	w.chain.nextRun = 0
	return w.takeOut(t, gen)
}

// takeOut takes t, whose life gen has not begun, out of the queue that it is in, and returns it. It
// returns nil if another party has t.
func (q *queues) takeOut(t *rt.Task, gen uint32) *rt.Task {
	// If t is the newest child, it is in the next slot. Taking it from there leaves no stale entry.
	if seq, ok := q.next.peek(); ok && q.next.task.Load() == t {
		if d := q.next.steal(seq); d != nil {
			return q.valid(d)
		}
	}
	// If t was displaced last, PopIf takes its entry, too.
	if q.children.PopIf(t) {
		q.siblings.n = max(0, q.siblings.n-1)
		return q.valid(t)
	}
	if !t.Claim(gen) {
		return nil
	}
	if q.stale++; q.stale >= minStale && q.stale > (q.runq.Len()+q.children.Len())/2 {
		q.dropStale()
	}
	return t
}

// minStale is the least number of stale entries for which dropStale walks through the queues.
const minStale = 32

// dropStale drops the stale entries of the run queue and of the children, because a stale entry
// keeps its descriptor from serving another task. It takes each entry from the front and pushes the
// valid ones at the back, so their order stays. claim calls it when more than half of the entries
// are stale. One claim has left each of those, so the walk costs about two entries a claim.
//
// While dropStale holds an entry, all others are in the queues. So if another worker looks before
// it sleeps (Sleep-W3), it misses the entry only if there is no other entry. dropStale then wakes
// that worker (Sleep-P2).
func (q *queues) dropStale() {
	q.orderSiblings()
	for _, o := range []*deque.Owner[rt.Task]{&q.runq, &q.children} {
		for n := o.Len(); n > 0; n-- {
			d, out := o.Thief().Steal()
			if out == deque.Empty {
				break
			}
			if out == deque.Stolen && (!d.Status().Stale() || d.Status().Draft() || q.valid(d) != nil) {
				o.Push(d)
			}
		}
	}
	q.stale = 0
	q.crew.wakeOne() // (Sleep-P2, Sleep-P3)
}
