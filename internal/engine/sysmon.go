package engine

import (
	"math"
	"runtime"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/histogram"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// A sysmon is what the monitor does for a scheduler at its ticks. Only the monitor's goroutine
// calls its methods and touches its fields, apart from kickFor and what that calls, and from
// endSurvey, which Close calls when the monitor has ended.
type sysmon struct {
	_ cpu.CacheLinePad
	s *Scheduler // workers read it when they arm a timer

	_          cpu.CacheLinePad
	timerBatch timers.Batch
	late       histogram.Histogram // of timers that sysmon or a Clock's goroutine fires
	stacks     stacks
	trims      trims
	strandAt   int64 // since when work waits beside a sleeping worker; 0: none does
}

// tick is what the monitor does at each tick besides looking at the workers.
func (m *sysmon) tick(now int64) (next int64, busy bool) {
	s := m.s
	s.setCoarse(now)
	m.countTimers()
	if s.timers.Due(now - m.timerGrace()) {
		// All workers may be asleep, or busy with tasks without checkpoints. So sysmon fires
		// timers.
		busy = s.timers.Expire(now, &m.timerBatch, s.injectDue) > 0
	}
	if m.freeNextSlots() {
		busy = true
	}
	if m.relieveLong(now) {
		busy = true
	}
	if m.freeQueues(now) {
		busy = true
	}
	m.freeForks()
	m.watchStranded(now)
	m.refreshProcs()
	next = m.nextTimer()
	for _, t := range []int64{m.trim(now), m.reportSurveyed(now)} {
		if t != 0 && (next == 0 || t < next) {
			next = t
		}
	}
	return next, busy
}

// refreshProcs stores GOMAXPROCS in procs, because reading it takes a lock of the Go runtime. With
// scheduler.WithGOMAXPROCS it makes the number of workers follow.
func (m *sysmon) refreshProcs() {
	s := m.s
	n := int32(runtime.GOMAXPROCS(0))
	if s.procs.Swap(n) != n && s.cfg.Follow {
		_ = s.Resize(min(int(n), MaxWorkers)) // it only fails if the scheduler has been closed
	}
}

// nextTimer returns the time by which sysmon has to look at the timers again, or 0 if there are
// none.
func (m *sysmon) nextTimer() int64 {
	f := m.s.timers.First()
	if f != 0 {
		f = m.graceEnd(f)
	}
	return f
}

// timerGrace is how much later than due sysmon fires a timer. While every worker is awake it is
// busyGrace, because workers fire timers themselves, and with many sleeping tasks sysmon would all
// the time fire timers that a worker is about to fire (BenchmarkSleepMany). If a worker sleeps, the
// grace is 0. The side that acts last sees the writes of the other two:
//
//	party that arms a timer       worker that falls asleep      sysmon
//	Arm-A2  lower first           Sleep-W2  announce it         Grace-M1  store until, with
//	Arm-A3  load whether a        Grace-G1  load first; kick              the grace
//	        worker sleeps; kick             sysmon if it        Grace-M2  load whether a worker
//	        sysmon, if it                   sleeps longer                 sleeps, and first; go
//	        sleeps longer, with                                           on from Grace-M1 if
//	        the grace                                                     that is sooner
//
// Grace-M1 and Grace-M2 are the Kick-M1 and Kick-M2 of package preempt. until is the time at which
// sysmon will tick next. Either Arm-A3 sees the until of Grace-M1, or Grace-M2 sees the timer. If
// Arm-A3 does not see the sleeping worker, Sleep-W2 comes after Arm-A3 and so after Arm-A2, and
// Grace-G1 sees the timer. And either Grace-G1 sees the until of Grace-M1, or Grace-M2 sees the
// worker that Sleep-W2 has announced.
//
// With fewer than manyTimers timers the grace is 0, too. sysmon counts them at its ticks
// (countTimers). Nothing tells it when the number falls below manyTimers, so the next tick may then
// still come later than due by the grace.
func (m *sysmon) timerGrace() int64 {
	if m.s.idle.Sleeping() != 0 || !m.s.many.Load() {
		return 0
	}
	return busyGrace
}

// kickFor is called after a timer has been armed for when (Arm-A3).
func (m *sysmon) kickFor(when int64) { m.s.mon.KickBefore(m.graceEnd(when)) }

// graceEnd returns the time by which sysmon has to fire a timer that is due at when: that time plus
// the grace, or the latest time if the sum overflows. A task that sleeps for ever has a timer that
// is due at the latest time.
func (m *sysmon) graceEnd(when int64) int64 {
	g := m.timerGrace()
	return min(when, math.MaxInt64-g) + g
}

// countTimers sets many for timerGrace. A party that arms a timer cannot count, because that takes
// a load for each worker.
func (m *sysmon) countTimers() {
	s := m.s
	if many := s.timers.Size() >= manyTimers; many != s.many.Load() {
		s.many.Store(many)
	}
}

// With manyTimers pending timers or more, firing each of them in time by a tick of sysmon would
// cost more than being late by busyGrace.
const manyTimers = 256

// busyGrace is a tenth of the default quantum. While tasks without checkpoints hold all workers, it
// delays a timer that calls a function. If a blocking call on the spot holds one of them, it also
// delays a timer that wakes a task, because only a tick of sysmon starts a relief for that worker.
const busyGrace = int64(time.Millisecond)

// freeNextSlots wakes a worker for each task that is stuck in a next slot because the running task
// does not give way (Slot-N3). It reports whether there was one.
func (m *sysmon) freeNextSlots() (any bool) {
	s := m.s
	if s.idle.Sleeping() == 0 || s.pause.on.Load() {
		return false
	}
	for _, w := range s.workers() {
		seq, ok := w.next.peek()
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

// freeQueues moves to the injector what waits behind a task that does not give way: the task in the
// next slot, the run queue, and the exposed forked calls of its worker. The Go runtime's sysmon
// likewise takes the P from a goroutine that blocks. A worker that has found nothing would steal
// these tasks. But workers that always have tasks of their own do not look into other workers'
// queues, and they do visit the injector. If there is only one worker, it keeps everything. The
// result says whether anything was moved.
//
// sysmon steals like any thief. Between the theft and (Sleep-P1) a task is in no queue, so
// (Sleep-P2) follows, as for a worker that has stolen a batch.
func (m *sysmon) freeQueues(now int64) (any bool) {
	s := m.s
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
			continue // the task may yet see its mark, or the system may be holding the thread up
		}
		w.seen.since = now - 9*q // the next time is in a quantum
		if m.freeBehind(w) {
			any = true
		}
	}
	return any
}

// freeBehind is freeQueues for one worker, w, whose task does not give way. It leaves what the
// worker adds meanwhile to the next call, and of many drafts and forked calls all but a few.
func (m *sysmon) freeBehind(w *worker) (any bool) {
	s := m.s
	drafts := s.mayIssue()
	free := func(d *rt.Task) {
		if d.Status().Draft() {
			drafts--
			d = s.issue(d.Draft())
		}
		s.inj.Push(d) // (Sleep-P1)
		s.wakeOne()   // (Sleep-P2, Sleep-P3)
		any = true
	}
	if seq, ok := w.next.peek(); ok {
		if d := w.next.steal(seq); d != nil {
			w.nextStolen.Store(true)
			free(d)
		}
	}
	for _, v := range []*deque.Thief[rt.Task]{w.runq.Thief(), w.children.Thief()} {
		for range v.Len() {
			if drafts == 0 {
				break
			}
			if d, out := v.Steal(); out == deque.Stolen {
				free(d)
			}
		}
	}
	for range min(w.Forks.Thief().Len(), s.mayIssue()) {
		if f, out := w.Forks.Thief().Steal(); out == deque.Stolen && f.Claim() {
			free(s.adopt(f))
		}
	}
	return any
}

// A draft or a forked call that freeBehind moves needs a descriptor, and a call an extension as
// well, which take more memory than it does now. Millions may lie behind one hog. So freeBehind
// moves as many drafts, and as many calls, as bring the injector to mostIssued tasks. If the
// injector has more tasks than that, freeBehind still moves leastIssued, so that none starves.
const (
	mostIssued  = 1024
	leastIssued = 16
)

func (s *Scheduler) mayIssue() int { return max(mostIssued-s.inj.Len(), leastIssued) }

// freeForks is Crowd-K1.
func (m *sysmon) freeForks() {
	s := m.s
	if !s.idle.NeedsWake() || s.pause.on.Load() || !s.crowded(0) {
		return
	}
	if s.exposed() {
		s.wakeOne()
	} else {
		s.askAll(nil)
	}
}

// relieveLong looks for calls on the spot that last long. It reports whether it has raised the
// alert.
func (m *sysmon) relieveLong(now int64) (any bool) {
	s := m.s
	if s.idle.Inside() == 0 {
		return false
	}
	work := s.worksForRelief()
	for _, w := range s.workers() {
		if since := w.spot.Entered(); since != 0 && now-since >= longSpot && (work || w.hasWork()) {
			return s.relieveAll()
		}
	}
	return false
}

// strandedAfter is how long work must have been waiting beside a sleeping worker before
// watchStranded counts it. Waking a thread takes far less, even on a busy machine.
const strandedAfter = int64(2 * time.Second)

// watchStranded is the safety net under the sleep protocol. It counts how often work waits for
// strandedAfter beside a sleeping worker while no worker searches. That would be a bug of the
// protocol, so watchStranded does not repair it.
func (m *sysmon) watchStranded(now int64) {
	s := m.s
	if s.idle.Sleeping() == 0 || !s.idle.NeedsWake() || s.pause.on.Load() || !s.visibleWork() {
		m.strandAt = 0
		return
	}
	if m.strandAt == 0 {
		m.strandAt = now
	} else if now-m.strandAt > strandedAfter {
		m.strandAt = now
		s.stranded.Add(1)
	}
}

// SetQuantum does what scheduler.Scheduler.SetQuantum says.
func (s *Scheduler) SetQuantum(d time.Duration) {
	s.quantum.Store(d)
	s.mon.SetQuantum(d)
	s.mon.Kick() // the monitor may be pausing for longer than the new quantum
}

// SetStallAfter does what scheduler.Scheduler.SetStallAfter says.
func (s *Scheduler) SetStallAfter(d time.Duration) { s.mon.SetStall(d) }
