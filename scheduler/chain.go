package scheduler

// The newest child goes first, as in the Go runtime: Spawn puts it into the next slot, and what was there into the queue.
// First-in-first-out a tree of tasks would be visited level by level, and a task that waits for its children needs a stack:
// there would be as many stacks as the tree is wide. Newest first there are about as many as it is deep.
//
// A chain is a number of dispatches in a row that go before the worker's queue because they belong to the task that ran
// before. Three rules bound it:
//
//	time    A chain ends when it has lasted for a quantum. The clock is read at every chainLook-th dispatch only, so up to
//	        2*chainLook dispatches come on top of the quantum.
//	number  A chain has at most maxChain dispatches, so that the turn of a task in the queue comes after a bounded number.
//	looks   The dispatches of a chain are looks for work. So at every fairTick-th the timers, the injector and the oldest
//	        forked call have their turn (worker.fair), and high and low tasks have theirs.
//
// When a chain has ended, the oldest task of the queue has a turn, and a new chain may begin. So of n tasks in the queue, the
// last has its turn when n chains have ended. The Go runtime bounds its chains likewise: a goroutine that is started inherits
// the time slice of the one that starts it.
type chain struct {
	n     int   // dispatches so far
	since int64 // when the clock was first read; set if n is at least chainLook
}

const (
	// chainLook is how many dispatches of a chain pass between two readings of the clock. A reading takes 25 to 40 ns, so a
	// dispatch pays 2 ns for it. Children that run for long can add as many dispatches to the quantum, so it should be small.
	chainLook = 16
	// maxChain is some milliseconds of the shortest tasks. Each end of a chain leaves a branch of a tree behind half visited,
	// with a stack for each level, so it should be large: with 256, fib(25) with a task a call needs twice the memory.
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
	if now-c.since < int64(w.s.cfg.quantum) && c.n < maxChain {
		return true
	}
	c.n-- // the next question reads the clock as well, until endChain
	return false
}

// endChain is called when the queue has had its turn.
func (w *worker) endChain() { w.chain.n, w.nextRun = 0, 0 }

// mayRunNext reports whether the task in the next slot may run before the queue, and counts the dispatch.
func (w *worker) mayRunNext() bool {
	if w.next.child() {
		return w.mayChain()
	}
	w.nextRun++
	return w.nextRun <= maxNextRun
}
