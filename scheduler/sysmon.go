package scheduler

import (
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/histogram"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// A unit is a worker as the monitor sees it.
type unit struct{ *worker }

// Dispatch implements preempt.Unit.
func (u unit) Dispatch() (preempt.Dispatch, bool) {
	// The worker writes the two words one after the other, so the task may belong to another
	// dispatch than the number. Then the mark, which names the number, misses, and the monitor sees
	// another dispatch at its next tick. So nothing has to be read twice.
	id := u.worker.Worker.Dispatch.Load()
	d := u.Current.Load()
	if d == nil {
		return preempt.Dispatch{}, false
	}
	s := d.Status()
	if !s.InUse() {
		return preempt.Dispatch{}, false
	}
	return preempt.Dispatch{Flag: d.Flag(), Life: uint64(s.Gen()), ID: id}, true
}

// Nudge implements preempt.Nudger: a fork does not look at the flag, which would double its cost, but
// at whether a thief has asked.
func (u unit) Nudge() { u.Forks.Thief().Ask() }

// sysmonState is what only sysmon touches of the scheduler, and seenState what only sysmon touches of a
// worker.
type (
	sysmonState struct {
		timerBatch timers.Batch
		late       histogram.Histogram // of timers that sysmon fires, or the goroutine that advances a clock
		stacks     stacks
		trims      trims
		strandAt   int64 // since when work waits beside sleepers; 0: it does not
	}
	seenState struct {
		next   uint32 // the sequence number of the next slot at the last tick
		id     uint32 // the dispatch that sysmon has seen since
		since  int64
		leanAt uint64 // what the worker had done when ask last asked it to give back
	}
)

// sysmonTick is what the monitor does at each tick besides looking at the workers.
func (s *Scheduler) sysmonTick(now int64) (next int64, busy bool) {
	s.setCoarse(now)
	if s.timers.Due(now - s.timerGrace()) {
		// On behalf of workers that all are busy, or all sleep.
		busy = s.timers.Expire(now, &s.sysmon.timerBatch, s.inject) > 0
	}
	if s.freeNextSlots() {
		busy = true
	}
	if s.relieveLong(now) {
		busy = true
	}
	if s.freeQueues(now) {
		busy = true
	}
	s.freeForks()
	s.watchStranded(now)
	s.dropStacks(now)
	s.refreshProcs()
	next = s.nextTimer()
	if t := s.trim(now); t != 0 && (next == 0 || t < next) {
		next = t
	}
	return next, busy
}

// refreshProcs reads GOMAXPROCS, which takes a lock of the Go runtime, and has the number of workers follow it if that was
// asked for. Called by sysmon.
func (s *Scheduler) refreshProcs() {
	n := int32(runtime.GOMAXPROCS(0))
	if s.procs.Swap(n) != n && s.cfg.follow {
		_ = s.Resize(min(int(n), MaxWorkers)) // an error says that the scheduler has been closed
	}
}

// nextTimer returns by when sysmon has to look at the timers, or 0.
func (s *Scheduler) nextTimer() int64 {
	f := s.timers.First()
	if f != 0 {
		f += s.timerGrace()
	}
	return f
}

// timerGrace is how much later than due sysmon expires a timer. While every worker is awake it is
// busyGrace, because workers expire timers themselves, and with many sleeping tasks sysmon would
// interfere between two of them all the time (BenchmarkSleepMany). If a worker sleeps, the grace is
// 0. Whichever of the three sides acts last sees the writes of the others:
//
//	arms a timer (Timers)         worker that falls asleep     sysmon (Kick)
//	A2 lower first                Sleep-W2 announce it         M1 store until, with the grace
//	A3 load whether a worker      G1 load first; kick sysmon   M2 load whether a worker sleeps,
//	   sleeps; kick sysmon, if       if it sleeps longer          and first; go on from M1 if
//	   it sleeps longer, with                                     that is sooner
//	   the grace
//
// If A3 does not see the sleeping worker, W2 comes after A3 and so after A2, and G1 sees the timer.
// And either G1 sees the until of M1, or M2 sees the sleeping worker of W2. If there are few timers
// there is no grace, because the grace may end, with the last of many timers, unknown to sysmon.
func (s *Scheduler) timerGrace() int64 {
	if s.idle.Sleeping() != 0 || s.timers.Size() < manyTimers {
		return 0
	}
	return busyGrace
}

// manyTimers is how many pending timers make sysmon's ticks cost more than being late by a little.
const manyTimers = 256

// busyGrace is a tenth of the default quantum: only a timer that calls a function while tasks that poll nothing hold all
// workers is late by it.
const busyGrace = int64(time.Millisecond)

// freeNextSlots wakes a worker for tasks that are stuck in the next slot of a task that
// does not give way (N3).
func (s *Scheduler) freeNextSlots() (any bool) {
	if s.idle.Sleeping() == 0 || s.pause.on.Load() {
		return false
	}
	for _, w := range s.workers() {
		seq, ok := w.next.look()
		if !ok || seq != w.seen.next {
			w.seen.next = seq
			continue
		}
		// It was there a tick ago too.
		s.wakeOne()
		any = true
	}
	return any
}

// freeQueues hands out what waits behind a task that does not give way, as the Go runtime's sysmon takes a P from a goroutine
// that blocks: the task in the next slot, the run queue, and the calls that were forked there and exposed. A worker
// that is free would steal it. But workers that always have something of their own do not look into the queues of
// others; the injector they visit. A worker that is alone keeps everything.
//
// sysmon is a thief like others, and between the theft and (P1) a task is in no queue: (P2) follows, as for a worker that
// has stolen a batch.
func (s *Scheduler) freeQueues(now int64) (any bool) {
	ws := s.workers()
	if len(ws) == 1 || s.pause.on.Load() {
		return false
	}
	for _, w := range ws {
		if id := w.Worker.Dispatch.Load(); id != w.seen.id || w.Current.Load() == nil {
			w.seen.id, w.seen.since = id, now
			continue
		}
		q := int64(s.quantum.Load())
		if now-w.seen.since < 10*q {
			continue // the task may yet hear that it was asked; or the system holds the thread up
		}
		w.seen.since = now - 9*q // the next time is in a quantum
		if s.freeBehind(w) {
			any = true
		}
	}
	return any
}

// freeBehind moves to the injector what lies behind w's task, and reports whether there was anything. What the worker adds
// meanwhile is left to the next time, and so are most of many calls.
func (s *Scheduler) freeBehind(w *worker) (any bool) {
	free := func(d *rt.Task) {
		s.inj.Push(d) // (P1)
		s.wakeOne()   // (P2, P3)
		any = true
	}
	if seq, ok := w.next.look(); ok {
		if d := w.next.steal(seq); d != nil {
			w.nextStolen.Store(true)
			free(d)
		}
	}
	for range w.runq.Thief().Len() {
		if d, out := w.runq.Thief().Steal(); out == deque.Stolen {
			free(d)
		}
	}
	for range min(w.Forks.Thief().Len(), max(mostAdopted-s.inj.Len(), leastAdopted)) {
		if f, out := w.Forks.Thief().Steal(); out == deque.Stolen && f.Claim() {
			free(s.adopt(f))
		}
	}
	return any
}

// A call that is handed out needs a descriptor and an extension, twice what its frame takes. Of millions behind one hog, so
// many are handed out each time that the injector has mostAdopted tasks, and leastAdopted, so that none starves, if it has more.
const (
	mostAdopted  = 1024
	leastAdopted = 16
)

// strandedAfter is for how long work must have been waiting beside a sleeping worker
// to be counted: far beyond what waking a thread takes on a busy machine.
const strandedAfter = int64(2 * time.Second)

// watchStranded is the safety net under the sleep protocol. It counts work that waits beside a
// sleeping worker while no worker searches. It repairs nothing.
func (s *Scheduler) watchStranded(now int64) {
	if s.idle.Sleeping() == 0 || !s.idle.NeedsWake() || s.pause.on.Load() || !s.visibleWork() {
		s.sysmon.strandAt = 0
		return
	}
	if s.sysmon.strandAt == 0 {
		s.sysmon.strandAt = now
	} else if now-s.sysmon.strandAt > strandedAfter {
		s.sysmon.strandAt = now
		s.stranded.Add(1)
	}
}
