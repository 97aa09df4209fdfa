package rt

// A task's status is one 64-bit word, so that every transition is one atomic
// operation and a handle from an earlier life can never act on a later one:
//
//	63    58 57    56 55    48 47        16 15       0
//	+--------+--------+--------+------------+---------+
//	| unused | queue  |  why   | generation | flags   |
//	+--------+--------+--------+------------+---------+
//
// queue is two flags of a task that was started from inside and of its entry in a queue: see claim.go.
// generation counts the lives of the descriptor (mod 2^32). why is what the task waits for, or waited for
// last; it is for people only, see Why.
//
// Legal transitions, and who makes them:
//
//	Free    -> Active   Start      whoever took the descriptor from a pool
//	Active  -> Waiting  CommitPark the successor, after the switch
//	Waiting -> Active   Ready, Wake, Cancel   anybody; the winner enqueues
//	Active  -> Done     Finish     the worker that runs it, or who took it from a queue
//	Active  -> Free     Finish     the worker that runs it, by way of Done if an entry of it is stale
//
// Active covers what handles show as Runnable and Running. The difference is no
// transition: a task is running if the worker that it was put on last says that it is its
// current one. So giving way and being put on a worker, which is what tasks do most
// often, change nothing that others write.
const (
	stFree    = 0
	stActive  = 1
	stWaiting = 3
	stDone    = 4

	stateMask = 7

	flagToken     = 1 << 3  // a Ready that no Park has consumed
	flagWoken     = 1 << 4  // a Wake that no internal wait has consumed
	flagCancelled = 1 << 5  // Cancel was called
	flagClosed    = 1 << 6  // ... by the scheduler's Close
	flagInternal  = 1 << 7  // Waiting for Wake, not for Ready; when Active: that Wake has not ended the last such wait
	flagHard      = 1 << 8  // Waiting that Cancel must not end
	flagFailed    = 1 << 9  // Done with an error in Extra
	flagEscaped   = 1 << 10 // the Ctx, or the name, may be asked for after the task's end
	flagSkipped   = 1 << 11 // Done without having been started

	flagCaused = 1 << 12 // Cancelled with the cause in Extra

	levelShift = 13 // the task's Level, two bits: set by Start, the same for the whole life
	flagLevel  = 3 << levelShift

	flagBits = 16
	flagMask = 1<<flagBits - 1
	genBits  = 32
	genOne   = 1 << flagBits
	genMask  = (1<<genBits - 1) << flagBits

	waitReasonShift = flagBits + genBits
	whyMask         = 0xff << waitReasonShift
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

// Live reports whether the word belongs to life gen and that life has not
// ended.
func (s Status) Live(gen uint32) bool {
	return s.gen() == gen && s.state() != stDone && s.state() != stFree
}

// InUse reports whether the descriptor serves a task that has not ended.
func (s Status) InUse() bool {
	st := s.state()
	return st == stActive || st == stWaiting
}

// Cancelled reports whether the task was asked to end.
func (s Status) Cancelled() bool { return s.has(flagCancelled) }

// Level returns the task's priority.
func (s Status) Level() Level { return Level(s >> levelShift & 3) }

// Gen returns the generation.
func (s Status) Gen() uint32 { return s.gen() }

// State translates the word, as far as it tells: Active is Runnable.
func (s Status) State() State {
	if st := State(s.state()); st != stFree {
		return st
	}
	return Done
}
