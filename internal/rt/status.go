package rt

// A task's status is one 64-bit word, so that every transition is one atomic
// operation and a handle from an earlier life can never act on a later one:
//
//	63        44 43        12 11       0
//	+-----------+------------+---------+
//	| dispatch  | generation | flags   |
//	+-----------+------------+---------+
//
// dispatch counts how often the task was put on a worker (mod 2^20); a preempt
// mark names it. generation counts the lives of the descriptor (mod 2^32).
//
// Legal transitions, and who makes them:
//
//	Free     -> Runnable  Start      whoever took the descriptor from a pool
//	Runnable -> Running   Dispatch   the worker that took it from a queue
//	Running  -> Runnable  Requeue    the successor, after the switch (yield)
//	Running  -> Waiting   CommitPark the successor, after the switch (park)
//	Running  -> Runnable  CommitPark ... if a wake-up came in between
//	Waiting  -> Runnable  Ready, Wake, Cancel   anybody; the winner enqueues
//	Running  -> Done      Finish     the worker that runs it
//	Running  -> Free      Recycle    the worker that runs it
//	Runnable -> Done      Finish     a worker that finds it cancelled, unstarted
const (
	stFree     = 0
	stRunnable = 1
	stRunning  = 2
	stWaiting  = 3
	stDone     = 4

	stateMask = 7

	flagToken     = 1 << 3  // a Ready that no Park has consumed
	flagWoken     = 1 << 4  // a Wake that no internal wait has consumed
	flagCancelled = 1 << 5  // Cancel was called
	flagClosed    = 1 << 6  // ... by the scheduler's Close
	flagInternal  = 1 << 7  // Waiting for Wake, not for Ready
	flagHard      = 1 << 8  // Waiting that Cancel must not end
	flagFailed    = 1 << 9  // Done with an error in Ext
	flagEscaped   = 1 << 10 // somebody may keep the Ctx beyond the task's end
	flagSkipped   = 1 << 11 // Done without having been started

	flagBits  = 12
	flagMask  = 1<<flagBits - 1
	genBits   = 32
	genOne    = 1 << flagBits
	genMask   = (1<<genBits - 1) << flagBits
	dispShift = flagBits + genBits
	dispOne   = 1 << dispShift
)

// State is what a task is doing, as its handle shows it.
type State uint8

// The states of a task.
const (
	Runnable State = iota + 1 // queued, waiting for a worker
	Running                   // on a worker
	Waiting                   // parked until something wakes it
	Done                      // ended, in whatever way
)

// String returns the state in one lower-case word.
func (s State) String() string {
	switch s {
	case Runnable:
		return "runnable"
	case Running:
		return "running"
	case Waiting:
		return "waiting"
	case Done:
		return "done"
	}
	return "unknown"
}

// A Status is one reading of a task's status word.
type Status uint64

func (s Status) state() uint64    { return uint64(s) & stateMask }
func (s Status) gen() uint32      { return uint32(s >> flagBits) }
func (s Status) dispatch() uint32 { return uint32(s >> dispShift) }
func (s Status) has(f uint64) bool {
	return uint64(s)&f != 0
}

// Live reports whether the word belongs to life gen and that life has not
// ended.
func (s Status) Live(gen uint32) bool {
	return s.gen() == gen && s.state() != stDone && s.state() != stFree
}

// InUse reports whether the descriptor serves a task that has not ended.
func (s Status) InUse() bool {
	st := s.state()
	return st == stRunnable || st == stRunning || st == stWaiting
}

// Cancelled reports whether the task was asked to end.
func (s Status) Cancelled() bool { return s.has(flagCancelled) }

// Gen returns the generation.
func (s Status) Gen() uint32 { return s.gen() }

// Dispatch returns the number of the dispatch.
func (s Status) Dispatch() uint32 { return s.dispatch() }

// State translates the word.
func (s Status) State() State {
	if st := State(s.state()); st != stFree {
		return st
	}
	return Done
}

// Running reports whether the task is on a worker.
func (s Status) Running() bool { return s.state() == stRunning }
