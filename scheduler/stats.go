package scheduler

import (
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
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
	SleepMoves  uint64 // times a pinned worker came back from a sleep on another thread

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
	// grows.
	Busy, Idle time.Duration
}

// counts are a worker's own counters.
type counts struct {
	spawned, finished                      uint64
	dispatches, yields, preemptions, parks uint64
	panics                                 uint64
	steals, stolen                         uint64
	letIns, moves, sleepMoves              uint64
	live                                   int64 // what the worker has added to Scheduler.live
}

// shown are the counters as of the last show.
type shown struct {
	spawned, finished, dispatches, yields, preemptions, parks,
	panics, steals, stolen, letIns, moves, sleepMoves atomic.Uint64
}

// flush publishes the worker's counters and makes Scheduler.live exact, as far as this worker is
// concerned. The worker calls it before it sleeps or leaves.
func (w *worker) flush() {
	w.show()
	if d := int64(w.n.spawned-w.n.finished) - w.n.live; d != 0 {
		w.n.live += d
		w.s.live.Add(d)
	}
}

// show publishes the worker's counters. It writes only lines of the worker. A busy worker calls it
// every few microseconds. If each of 64 workers wrote Scheduler.live as often, that line alone
// would take up the time of a worker: see "Many cores" in BENCHMARKS.md.
func (w *worker) show() {
	at := w.Dispatch.Load()
	w.n.dispatches += uint64(at - w.counted) // modulo 2^32, which lasts for hours
	w.counted = at
	show := func(to *atomic.Uint64, v uint64) {
		if to.Load() != v {
			to.Store(v)
		}
	}
	show(&w.shown.spawned, w.n.spawned)
	show(&w.shown.finished, w.n.finished)
	show(&w.shown.dispatches, w.n.dispatches)
	show(&w.shown.yields, w.n.yields)
	show(&w.shown.preemptions, w.n.preemptions)
	show(&w.shown.parks, w.n.parks)
	show(&w.shown.panics, w.n.panics)
	show(&w.shown.steals, w.n.steals)
	show(&w.shown.stolen, w.n.stolen)
	show(&w.shown.letIns, w.n.letIns)
	show(&w.shown.moves, w.n.moves)
	show(&w.shown.sleepMoves, w.n.sleepMoves)
}

// Stats reads the counters. It may be called at any time, also after Close.
func (s *Scheduler) Stats() Stats {
	s.check()
	st := Stats{
		Workers:  s.Workers(),
		Sleeping: s.idle.Sleeping(),
		Paused:   s.pause.on.Load(),
		Closed:   s.phase.Load() != phaseOpen,
		Spawned:  s.inj.Accepted(),
		Queued:   s.inj.Len(),
		Panics:   s.strays.Load(),
		Stalls:   s.stalls.Load(),
		Wakes:    s.wakes.Load(),
		Stranded: s.stranded.Load(),
		Timers:   s.timers.Len(),

		CallsRunning: s.block.Running(),
		CallsQueued:  s.block.Queued(),
	}
	st.QueuedHigh, st.QueuedLow = s.inj.RankedLen()
	st.QueuedShared = s.inj.Normal()
	st.Blockers, st.IdleBlockers = s.block.Blockers()
	st.Refused = s.over.closed.Load()
	st.Latencies = s.latencies()
	st.Delayed = s.over.delayed.Load()
	st.Abandoned = s.over.abandoned.Load()
	st.Rejected = s.over.rejected.Load()
	st.Dropped = s.over.dropped.Load()
	st.Finished = st.Dropped
	for _, w := range s.workers() {
		ws := WorkerStats{
			Dispatches: w.shown.dispatches.Load(),
			Finished:   w.shown.finished.Load(),
			Stolen:     w.shown.stolen.Load(),
			Queued:     w.runq.Thief().Len() + w.children.Thief().Len(),
			Forks:      w.Forks.Thief().Len(),
			Task:       w.running(),
			Busy:       time.Duration(w.busy.read(s.now)),
			Idle:       time.Duration(w.rests.read(s.now)),
		}
		if w.next.full() {
			ws.Queued++
		}
		if ws.Task != (task.Task{}) {
			st.Running++
		}
		st.PerWorker = append(st.PerWorker, ws)
		st.Spawned += w.shown.spawned.Load()
		st.Finished += ws.Finished
		st.Queued += ws.Queued
		st.Dispatches += ws.Dispatches
		st.Yields += w.shown.yields.Load()
		st.Preemptions += w.shown.preemptions.Load()
		st.Parks += w.shown.parks.Load()
		st.Panics += w.shown.panics.Load()
		st.Steals += w.shown.steals.Load()
		st.Stolen += ws.Stolen
		st.LetIns += w.shown.letIns.Load()
		st.ThreadMoves += w.shown.moves.Load()
		st.SleepMoves += w.shown.sleepMoves.Load()
	}
	// A worker publishes Spawned before Finished, but two workers do so at different times.
	st.Live = max(0, int(int64(st.Spawned-st.Finished)))
	st.Waiting = max(0, st.Live-st.Running-st.Queued)
	return st
}

// running returns the task that the worker runs, or the zero Task. Any goroutine may call it.
func (w *worker) running() task.Task {
	d := w.Current.Load()
	if d == nil {
		return task.Task{}
	}
	st := d.Status()
	if !st.InUse() || d.State() != rt.Running || d.Worker() != &w.Worker {
		return task.Task{} // d ran here last, and now waits, has ended or runs on another worker
	}
	return handleOf(d, st.Gen())
}
