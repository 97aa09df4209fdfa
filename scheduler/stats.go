package scheduler

import (
	"time"

	"github.com/heddle-go/heddle/internal/engine"
	"github.com/heddle-go/heddle/task"
)

// Stats is a reading of a scheduler's counters. A worker publishes its counters every few dozen
// looks for work and before it sleeps, so a reading costs the workers nothing, and lags behind busy
// workers. It lags by a few dozen dispatches, or by a thousand if the tasks do little but sleep.
type Stats struct {
	Workers  int  // number of workers
	Sleeping int  // of those, how many sleep
	Paused   bool // [Scheduler.Pause] is in force, or waits for the workers
	Closed   bool // [Scheduler.Shutdown] or [Scheduler.Close] was called, so no task is accepted

	Spawned  uint64 // tasks accepted
	Finished uint64 // tasks ended, in whatever way

	// Tasks by state at about this moment. Exact while all workers sleep.
	Live                  int // tasks accepted and not ended
	Running               int // of those, how many are on workers
	Queued                int // how many are in queues
	Waiting               int // and how many wait for something else than a worker
	QueuedHigh, QueuedLow int // of Queued, the high and the low tasks; all workers share them
	QueuedShared          int // of Queued, the normal tasks in the queue that all workers share

	Timers       int // pending timers, of sleeping and delayed tasks and of package tsync
	CallsRunning int // functions of [task.Ctx.Blocking] under way on goroutines of their own
	CallsQueued  int // such functions that wait for their turn, by WithBlockingLimit
	Blockers     int // goroutines that run such functions, or are kept for them
	IdleBlockers int // of those, how many are idle

	// Of submissions from outside.
	Refused uint64 // refused, because the scheduler was shut down or closed

	// Of submissions from outside, with [WithQueueLimit].
	Delayed   uint64 // had to wait, for room (Block) or for the task's end (CallerRuns)
	Abandoned uint64 // given up while they waited for room, because a context ended
	Rejected  uint64 // refused, because the queue was full
	Dropped   uint64 // accepted, and dropped from the queue to make room; also counted as Finished

	Dispatches  uint64 // times a task was put on a worker
	Yields      uint64 // times a task gave way by itself
	Preemptions uint64 // times a task gave way because its quantum was over
	Parks       uint64 // times a task was parked
	Panics      uint64 // panics that the handler got
	Stalls      uint64 // stalls reported

	Steals      uint64 // successful thefts
	Stolen      uint64 // tasks stolen
	Wakes       uint64 // times a sleeping worker was woken
	LetIns      uint64 // times a worker stopped for a moment to let goroutines run
	ThreadMoves uint64 // times a pinned worker found itself on another thread while it was awake
	SleepMoves  uint64 // times a pinned worker found itself on another thread after a sleep. A worker
	// that sleeps more than 3,000 times a second does not look each time

	// Stranded counts how often the monitor saw work wait for long beside a sleeping worker. It
	// must be 0. If it is not, please report that.
	Stranded uint64

	// Latencies has the distributions of how long tasks wait and run. It is nil without
	// [WithLatencies].
	Latencies *Latencies

	// PerWorker has the workers by index. After a Resize to fewer workers it still has the workers
	// that have left.
	PerWorker []WorkerStats
}

// WorkerStats has the counters of one worker.
type WorkerStats struct {
	Dispatches uint64    // times a task was put on it
	Finished   uint64    // tasks that ended on it
	Stolen     uint64    // tasks that it stole
	Queued     int       // tasks in its queues
	Forks      int       // calls that were forked on it and that other workers can take
	Task       task.Task // the task that it runs at this moment, or the zero Task

	// Busy is how long it has been awake, to run tasks or to look for some, and Idle how long it
	// has slept because there were none, or during a pause. After it has left, by Resize, neither
	// grows. If it sleeps more than sixteen times in 10 ms, the rest of these 10 ms is not measured
	// but counted as what it does at their end.
	Busy, Idle time.Duration
}

// Stats reads the counters. It may be called at any time, also after Close.
func (s *Scheduler) Stats() Stats {
	e := s.engine()
	st := Stats(engine.ReadStats[Latencies](e, func(w engine.WorkerStats) WorkerStats { return WorkerStats(w) }))
	st.Latencies = latenciesOf(e.Reader())
	return st
}
