package scheduler

import "github.com/heddle-go/heddle/internal/rt"

// The newest child goes first, as in the Go runtime: Spawn puts it into the next slot, and what was
// there into the queue. First-in-first-out a tree of tasks would be visited level by level, and a
// task that waits for its children needs a stack: there would be as many stacks as the tree is
// wide. Newest first there are about as many as it is deep.
//
// A task that waits for one that has not begun has it run next, wherever that is queued (claim),
// and runs next itself when that has ended (worker.handOn). So the wait costs two switches and no
// search, and a parent whose children are still queued visits them in the order in which it waits
// for them.
//
// Rejected: to call the child on the stack of the task that waits, as Rayon's join does. It saves
// the two switches. But when the child suspends, the waiter's frames are below its own, so the
// waiter could not go on before the child has ended: a wait that is cancelled would not return, and
// if the child then waits for something that the waiter does after that, neither ever goes on
// (TestJoinOfARunningChildIsCancelled).
//
// A chain is a number of dispatches in a row that go before the worker's queue because they belong
// to the task that ran before. Three rules bound it:
//
//	time    A chain ends when it has lasted for a quantum. The clock is read at every chainLook-th dispatch only, so up to
//	        2*chainLook dispatches come on top of the quantum.
//	number  A chain has at most maxChain children and claims, and up to maxNextRun woken tasks after each, so that the turn of a
//	        task in the queue comes after a bounded number of dispatches. If a task of a chain is preempted, the chain ends.
//	looks   The dispatches of a chain are looks for work. So at every fairTick-th the timers, the injector and the oldest
//	        forked call have their turn (worker.fair), and high and low tasks have theirs.
//
// When a chain has ended, the oldest task of the queue has a turn, and a new chain may begin. So of
// n tasks in the queue, the last has its turn when n chains have ended. The Go runtime bounds its
// chains likewise: a goroutine that is started inherits the time slice of the one that starts it.
type chain struct {
	n     int   // dispatches so far
	since int64 // when the clock was first read; set if n is at least chainLook
}

const (
	// chainLook is how many dispatches of a chain pass between two readings of the clock. A reading
	// takes 25 to 40 ns, so a dispatch pays 2 ns for it. Children that run for long can add as many
	// dispatches to the quantum, so it should be small.
	chainLook = 16
	// maxChain is some milliseconds of the shortest tasks. Each end of a chain leaves a branch of a
	// tree behind half visited, with a stack for each level, so it should be large: with 256,
	// fib(25) with a task a call needs twice the memory.
	maxChain = 1 << 14
)

// mayChain reports whether the chain may have another dispatch, and counts it.
func (w *worker) mayChain() bool {
	c := &w.chain
	if c.n++; c.n%chainLook != 0 {
		return true
	}
	now := w.s.now()
	if c.n == chainLook {
		c.since = now
		return true
	}
	if now-c.since < int64(w.s.quantum.Load()) && c.n < maxChain {
		return true
	}
	c.n-- // the next question reads the clock as well, until endChain
	return false
}

// mayHandOn reports whether the chain may have another dispatch without a look for work, and counts
// it as one.
func (w *worker) mayHandOn() bool {
	if w.s.home.ReadyGoroutines.Load() != 0 || w.s.inj.AnyRanked() {
		return false
	}
	if w.tick+1 == w.stopAt {
		return w.mayPassStop()
	}
	if !w.mayChain() {
		return false
	}
	w.tick++
	return true
}

// mayPassStop is mayHandOn for a dispatch at tick stopAt. A stop that only measures is put off,
// because begin notices the end of the dispatch, too.
//
//go:noinline
func (w *worker) mayPassStop() bool {
	if (w.tick+1)%fairTick == 0 || !w.mayChain() {
		return false
	}
	w.tick++
	w.stopAt++
	return true
}

// endChain is called when the queue has had its turn.
func (w *worker) endChain() { w.chain.n, w.nextRun = 0, 0 }

// cutChain is called when the present task is preempted, so that a quantum has passed. If the task
// belongs to a chain, that ends at the next dispatch. If it is from the queue, a chain begins:
// otherwise the newest child would never come to run beside a queue full of hogs.
func (w *worker) cutChain() {
	if w.chain.n > 0 {
		w.chain = chain{n: 2*chainLook - 1, since: -int64(MaxQuantum)}
	}
}

// mayRunNext reports whether the task in the next slot may run before the queue, and counts the
// dispatch. What a task has woken before it ended, its parent for instance, belongs to the chain as
// its child would.
func (w *worker) mayRunNext() bool {
	if w.next.child() || w.Current.Load() == nil { // the task before has ended
		return w.mayChain()
	}
	w.nextRun++
	return w.nextRun <= maxNextRun
}

// A wish is life gen of the task whose end the present task is about to wait for, if there is one
// and it has not begun.
type wish struct {
	t   *rt.Task
	gen uint32
}

// wishFor has the next look for work claim life gen of t, if that has not begun and is the
// scheduler's.
func (w *worker) wishFor(t *rt.Task, gen uint32) {
	if t.Shared() == &w.s.home && t.Status().Fresh(gen) {
		w.wish = wish{t, gen}
	}
}

// claim takes the task of the wish out of its queue and returns it, if it has not begun and the
// chain may have it.
func (w *worker) claim() *rt.Task {
	t, gen := w.wish.t, w.wish.gen
	w.wish.t = nil
	if !w.mayChain() {
		return nil
	}
	w.nextRun = 0
	// The newest child, in the slot, leaves no stale entry.
	if seq, ok := w.next.look(); ok && w.next.task.Load() == t {
		if d := w.next.steal(seq); d != nil {
			return w.valid(d)
		}
	}
	if !t.Claim(gen) {
		return nil
	}
	if w.stale++; w.stale >= minStale && w.stale > w.runq.Len()/2 {
		w.dropStale()
	}
	return t
}

// minStale is how many stale entries are not worth a walk through the queue.
const minStale = 32

// dropStale drops the stale entries of the queue, which otherwise keep their descriptors from other
// tasks until their turns come. It passes all entries from the front to the back, so their order
// stays. Since at least half of them are stale, a claim pays for two entries.
//
// While an entry is in neither place, all others are in the queue, so a worker that looks before it
// sleeps misses it only if it is the last one. Then (P2) follows.
func (w *worker) dropStale() {
	w.stale = 0
	for range w.runq.Len() {
		d := w.runq.Pop()
		if d == nil {
			break
		}
		if !d.Status().Stale() || w.valid(d) != nil {
			w.runq.Push(d)
		}
	}
	w.stale = 0
	w.s.wakeOne() // (P2, P3)
}

// takeNext takes the task in the next slot. The entry of a task that was woken is not the stale
// one, and so not the one to drop if there is another in a queue: that would have its turn too
// late.
func (w *worker) takeNext() *rt.Task {
	child := w.next.fresh.Load() == newChild
	d := w.next.take()
	if child {
		return w.valid(d)
	}
	return d
}

// pop takes the oldest task of the worker's queue.
func (w *worker) pop() *rt.Task {
	for {
		d := w.runq.Pop()
		if d == nil {
			w.stale = 0
			return nil
		}
		w.lookAhead()
		if d = w.valid(d); d != nil {
			return d
		}
	}
}

// valid returns d, an entry that the caller has taken from a queue, if the caller now has the task,
// and nil if the entry was stale. d may be nil.
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
