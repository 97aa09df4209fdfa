package engine

import (
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// counters are a worker's own counters.
type counters struct {
	spawned, finished                      uint64
	dispatches, yields, preemptions, parks uint64
	panics                                 uint64
	steals, stolen                         uint64
	letIns                                 uint64
	live                                   int64  // what the worker has added to life.live
	counted                                uint32 // dispatches counts the dispatches up to the one with this number
}

// upTo counts the dispatches up to the one with number at.
func (n *counters) upTo(at uint32) {
	n.dispatches += uint64(at - n.counted) // modulo 2^32, which lasts for hours
	n.counted = at
}

// liveSince returns what is to be added to life.live since the last call.
func (n *counters) liveSince() int64 {
	d := int64(n.spawned-n.finished) - n.live
	n.live += d
	return d
}

// published are the counters as of the last publish.
type published struct {
	spawned, finished, dispatches, yields, preemptions, parks,
	panics, steals, stolen, letIns, moves, sleepMoves atomic.Uint64
}

// flush publishes the worker's counters and makes life.live exact, as far as this worker is
// concerned. The worker calls it before it sleeps or leaves.
func (w *worker) flush() {
	w.publish()
	if d := w.n.liveSince(); d != 0 {
		w.s.live.Add(d)
	}
}

// publish publishes the worker's counters. It writes only lines of the worker. A busy worker calls
// it every few microseconds. If each of 64 workers wrote life.live as often, that line alone would
// take up the time of a worker: see "Many cores" in BENCHMARKS.md.
func (w *worker) publish() {
	w.n.upTo(w.Dispatch.Load())
	w.published.publish(&w.n, &w.anchor)
}

// publish shows n and the moves of a.
func (s *published) publish(n *counters, a *anchor) {
	show := func(to *atomic.Uint64, v uint64) {
		if to.Load() != v {
			to.Store(v)
		}
	}
	show(&s.spawned, n.spawned)
	show(&s.finished, n.finished)
	show(&s.dispatches, n.dispatches)
	show(&s.yields, n.yields)
	show(&s.preemptions, n.preemptions)
	show(&s.parks, n.parks)
	show(&s.panics, n.panics)
	show(&s.steals, n.steals)
	show(&s.stolen, n.stolen)
	show(&s.letIns, n.letIns)
	show(&s.moves, a.moves)
	show(&s.sleepMoves, a.sleepMoves)
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

// Stats has the fields of scheduler.Stats, so that it converts to that. L and W are the types
// Latencies and WorkerStats of package scheduler.
type Stats[L, W any] struct {
	Workers, Sleeping                      int
	Paused, Closed                         bool
	Spawned, Finished                      uint64
	Live, Running, Queued, Waiting         int
	QueuedHigh, QueuedLow                  int
	QueuedShared                           int
	Timers                                 int
	CallsRunning, CallsQueued              int
	Blockers, IdleBlockers                 int
	Refused                                uint64
	Delayed, Abandoned, Rejected, Dropped  uint64
	Dispatches, Yields, Preemptions, Parks uint64
	Panics, Stalls                         uint64
	Steals, Stolen, Wakes                  uint64
	LetIns, ThreadMoves, SleepMoves        uint64
	Stranded                               uint64
	Latencies                              *L // not set here
	PerWorker                              []W
}

// WorkerStats has the fields of scheduler.WorkerStats.
type WorkerStats struct {
	Dispatches, Finished, Stolen uint64
	Queued, Forks                int
	Task                         task.Task
	Busy, Idle                   time.Duration
}

// ReadStats reads the counters, as scheduler.Scheduler.Stats says, all but Latencies. worker
// converts the counters of one worker.
func ReadStats[L, W any](s *Scheduler, worker func(WorkerStats) W) Stats[L, W] {
	st := Stats[L, W]{
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

		CallsRunning: s.offload.Running(),
		CallsQueued:  s.offload.Queued(),
	}
	st.QueuedHigh, st.QueuedLow = s.inj.RankedLen()
	st.QueuedShared = s.inj.Normal()
	st.Blockers, st.IdleBlockers = s.offload.Blockers()
	st.Refused = s.overflows.closed.Load()
	st.Delayed = s.overflows.delayed.Load()
	st.Abandoned = s.overflows.abandoned.Load()
	st.Rejected = s.overflows.rejected.Load()
	st.Dropped = s.overflows.dropped.Load()
	st.Finished = st.Dropped
	for _, w := range s.workers() {
		ws := WorkerStats{
			Dispatches: w.published.dispatches.Load(),
			Finished:   w.published.finished.Load(),
			Stolen:     w.published.stolen.Load(),
			Queued:     w.runq.Thief().Len() + w.children.Thief().Len(),
			Forks:      w.Forks.Thief().Len(),
			Task:       w.running(),
			Busy:       time.Duration(w.duty.Busy(s.now)),
			Idle:       time.Duration(w.duty.Idle(s.now)),
		}
		if w.next.full() {
			ws.Queued++
		}
		if ws.Task != (task.Task{}) {
			st.Running++
		}
		st.PerWorker = append(st.PerWorker, worker(ws))
		st.Spawned += w.published.spawned.Load()
		st.Finished += ws.Finished
		st.Queued += ws.Queued
		st.Dispatches += ws.Dispatches
		st.Yields += w.published.yields.Load()
		st.Preemptions += w.published.preemptions.Load()
		st.Parks += w.published.parks.Load()
		st.Panics += w.published.panics.Load()
		st.Steals += w.published.steals.Load()
		st.Stolen += ws.Stolen
		st.LetIns += w.published.letIns.Load()
		st.ThreadMoves += w.published.moves.Load()
		st.SleepMoves += w.published.sleepMoves.Load()
	}
	// A worker publishes Spawned before Finished, but two workers do so at different times.
	st.Live = max(0, int(int64(st.Spawned-st.Finished)))
	st.Waiting = max(0, st.Live-st.Running-st.Queued)
	return st
}
