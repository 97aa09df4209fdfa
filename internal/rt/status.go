package rt

// A task's status is one 64-bit word, so that every transition is one atomic operation and a handle
// of an earlier life can never act on a later one:
//
//	63    58 57    56 55    48 47        16 15       0
//	+--------+--------+--------+------------+---------+
//	| stamp  | queue  | reason | generation | flags   |
//	+--------+--------+--------+------------+---------+
//
// stamp is used only for tasks whose latencies are measured: see stamp.go. queue holds flagFresh
// and flagStale, which concern tasks in workers' own queues: see claim.go. reason is the WaitReason
// of the present or the last wait. generation counts the lives of the descriptor, from 0 to
// Lives-1.
//
// These are the legal transitions, and the parties that make them:
//
//	Free    -> Active   Start       the party that took the descriptor from a pool
//	Active  -> Waiting  CommitPark  the successor, after the switch
//	Waiting -> Active   Ready, Wake, Cancel, Release
//	                                any party; the party whose CAS succeeds queues the task
//	Waiting -> Active   Abandon     a directed worker whose run is over; it queues the task
//	Active  -> Done     Finish      the worker that runs it, or the party that dequeued it
//	Active  -> Free     Finish      the worker that runs it
//	Active  -> Active   Renew       the same, for its next life
//	Active  -> Done -> Free
//	                    Finish      the same, if a queue holds a stale entry: see claim.go
//
// A handle shows an Active task as Runnable or Running. To tell them apart, it looks at the worker
// that the task was put on last: the task is Running if that worker names it as its current task.
// So yields and dispatches, the most frequent operations, change no status and write no word that
// other parties write.
const (
	stFree    = 0
	stActive  = 1
	stDraft   = 2 // the word of a Draft
	stWaiting = 3
	stDone    = 4

	stateMask = 7

	flagToken     = 1 << 3 // a Ready that no Park has consumed
	flagWoken     = 1 << 4 // a Wake that no internal wait has consumed
	flagCancelled = 1 << 5 // Cancel was called
	flagClosed    = 1 << 6 // ... by the scheduler's Close
	// flagInternal: with Waiting, the task waits for Wake and not for Ready. With Active, no Wake
	// has ended the last such wait.
	flagInternal = 1 << 7
	flagHard     = 1 << 8 // Cancel must not end this wait
	flagFailed   = 1 << 9 // with Done: the error is in Extra
	// flagEscaped: other parties may use the task's Ctx or name after its end, so the descriptor
	// serves no other task.
	flagEscaped = 1 << 10
	flagSkipped = 1 << 11 // with Done: the task ended without having started

	flagCaused = 1 << 12 // cancelled with the cause in Extra

	levelShift = 13 // the task's Level, two bits; set by Start for the whole life
	flagLevel  = 3 << levelShift

	flagBits = 16
	flagMask = 1<<flagBits - 1
	genBits  = 32
	genOne   = 1 << flagBits
	genMask  = (1<<genBits - 1) << flagBits
	genEnd   = Lives << flagBits // set in the generation after the descriptor's last one

	waitReasonShift = flagBits + genBits
	waitReasonMask  = 0xff << waitReasonShift
)

// State is what a task is doing, as its handle shows it.
type State uint8

// The states of a task.
const (
	Runnable State = iota + 1 // queued, waiting for a worker
	Running                   // on a worker
	Waiting                   // parked until another party wakes it
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

// Level is a task's priority.
type Level uint8

// The levels.
const (
	Normal Level = iota
	High
	Low
)

// A Status is one reading of a task's status word.
type Status uint64

func (s Status) state() uint64 { return uint64(s) & stateMask }
func (s Status) gen() uint32   { return uint32(s >> flagBits) }
func (s Status) has(f uint64) bool {
	return uint64(s)&f != 0
}

// Live reports whether the word belongs to life gen and that life has not ended.
func (s Status) Live(gen uint32) bool {
	return s.gen() == gen && s.state() != stDone && s.state() != stFree
}

// InUse reports whether the descriptor serves a task that has not ended.
func (s Status) InUse() bool {
	st := s.state()
	return st == stActive || st == stWaiting
}

// Cancelled reports whether the task was cancelled.
func (s Status) Cancelled() bool { return s.has(flagCancelled) }

// Level returns the task's priority.
func (s Status) Level() Level { return Level(s >> levelShift & 3) }

// Gen returns the generation.
func (s Status) Gen() uint32 { return s.gen() }

// State returns the state as far as the word tells it: Active counts as Runnable, and Free as Done.
func (s Status) State() State {
	if st := State(s.state()); st != stFree {
		return st
	}
	return Done
}
