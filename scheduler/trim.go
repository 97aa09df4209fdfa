package scheduler

import (
	"time"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/taskpool"
)

// After a burst of tasks the scheduler gives back its memory. sysmon ends the loop fibers and drops
// the descriptors that no worker has needed for a while, and asks the workers to give back what only
// they may touch.
//
// A review finds what is superfluous: what was idle at every moment since the last review. While
// nothing happens, reviews are one window apart, so trimming begins one to two windows after the last
// burst. Between two reviews sysmon ends loop fibers in steps, because ending one takes microseconds.
// If all workers have slept since the review before the last, the steps are long and follow each
// other closely. Otherwise they are short and take a few per cent of a processor, and each review
// gives back only half of what is superfluous.
//
// A pool with regular bursts must not make the same loop fibers anew for each burst. So if many are
// made soon after many were ended, the window doubles, until it is longer than the time between two
// bursts. Then each window sees a burst, and nothing is superfluous.
//
// While all workers sleep, sysmon goes on ticking until it has given back all that it can.
type trims struct {
	review int64 // when the next review is due
	window int64 // from one review to the next
	step   int64 // when the next step is due

	quiet         bool   // all workers slept at the last review
	wakes         uint64 // Scheduler.wakes then
	made          uint64 // what fiberPool.Made returned then
	had           int    // how many loop fibers it found superfluous
	all           bool   // that was all there were
	sinceReview   int    // how many have been ended since
	sinceDoubling int    // how many have been ended since the window was last changed
	last          int64  // when the last one was ended
	regret        int64  // when the window was last doubled
	more          bool   // another review may find something
}

const (
	// minWindow is the least time for which something must have been superfluous. With it, all that 10^6 tasks leave behind
	// is gone ten seconds after they have ended.
	minWindow = int64(time.Second)
	maxWindow = 32 * minWindow
	// regretWithin is for how long after a loopFiber was ended to make another one is a pity, and forgiveAfter after what
	// time without it the window is the shortest again.
	regretWithin = maxWindow
	forgiveAfter = 4 * maxWindow
	// fewLoopers are not worth a longer window.
	fewLoopers = 64
)

// A pace is how many loop fibers a step ends at most, and how long it is until the next. A loopFiber takes about 1.5 us
// (BenchmarkReap in internal/fiber).
type pace struct {
	most  int
	pause int64
}

var (
	whileBusy  = pace{1000, int64(100 * time.Millisecond)}
	whileQuiet = pace{4000, int64(10 * time.Millisecond)}
)

// trim does what is due at the time now. It returns the time by which sysmon has to call it again
// even if all workers sleep, or 0.
func (s *Scheduler) trim(now int64) (next int64) {
	t := &s.sysmon.trims
	quiet := t.quiet && s.wakes.Load() == t.wakes && s.idle.Asleep()
	if now >= t.review {
		s.reviewPools(now, quiet)
	}
	pace := whileBusy
	if quiet {
		pace = whileQuiet
	}
	more := s.fiberPool.Superfluous()
	if more && now >= t.step {
		n := s.fiberPool.Trim(pace.most)
		t.step = now + pace.pause
		t.sinceReview += n
		if t.sinceDoubling += n; n > 0 {
			t.last = now
		}
		more = s.fiberPool.Superfluous()
	}
	switch {
	case more:
		return t.step
	case t.more || s.wakes.Load() != t.wakes:
		return t.review
	}
	return 0
}

// reviewPools begins a new window. quiet says whether all workers slept during the last one.
func (s *Scheduler) reviewPools(now int64, quiet bool) {
	t := &s.sysmon.trims
	made := s.fiberPool.Made()
	if made-t.made > fewLoopers && t.sinceDoubling > fewLoopers && now-t.last < regretWithin {
		t.window = min(2*t.window, maxWindow)
		t.regret, t.sinceDoubling = now, 0
	} else if t.window == 0 || now-t.regret > forgiveAfter {
		t.window = minWindow
	}
	// If a quiet window did not end any, although all loop fibers were to be ended, the rest cannot be: strangers sleep in their slots.
	stuck := quiet && t.all && t.had > 0 && t.sinceReview == 0
	t.quiet, t.wakes = s.idle.Asleep(), s.wakes.Load()
	batches, more := s.taskPool.Trim(quiet)
	s.timers.Trim()
	if quiet && s.ask(t.sinceReview > 0 || batches > 0) {
		more = true
	}
	free, had := s.fiberPool.Review(quiet)
	t.more = !quiet || more || free > 0 && !stuck
	t.review = now + t.window
	t.made, t.had, t.all, t.sinceReview = made, had, had == free, 0
}

// ask asks the workers to give back what only they may touch, and reports whether it has asked any.
// burst says that there was a burst, so each worker may hold something; without a burst ask passes
// over the workers that hold little. It asks a worker only once about the same work. Waking a worker
// for this does not count as a wake-up, because then no window would be quiet.
//
//	sysmon                              worker
//	R1 store lean                       W2 announce that it sleeps
//	R2 claim this worker; wake it       before W2: load lean; if it is set, give back
//
// If R2 does not find the announcement, the worker is awake, and gives back when it goes to sleep next, or the time after that.
func (s *Scheduler) ask(burst bool) (any bool) {
	for _, w := range s.workers() {
		done := w.shown.dispatches.Load() + w.shown.finished.Load()
		if done == w.seen.leanAt || !burst && !w.holds.Load() {
			continue
		}
		w.seen.leanAt = done
		w.lean.Store(true)          // (R1)
		if s.idle.ClaimThis(w.id) { // (R2)
			w.parker.Unpark()
		}
		any = true
	}
	if burst {
		s.inj.Forget()
	}
	return any
}

// trimOwn gives back what the worker, which is about to sleep, has been asked for, and without being asked the memory of a
// very long queue.
func (w *worker) trimOwn() {
	if w.lean.Load() {
		w.lean.Store(false)
		w.giveBack()
		w.Forks.Trim()
		w.runq.Trim()
	} else if w.runq.Cap() > keepQueue {
		w.runq.Trim()
	}
	const few = 4 * deque.DefaultCapacity
	holds := len(w.idleFibers) > 2 || w.Forks.Cap() > few || w.runq.Cap() > few || w.Keeps()
	if holds != w.holds.Load() {
		w.holds.Store(holds)
	}
}

// keepQueue is the length of a worker's queue whose memory is kept, 512 KB. Growing to that costs as
// much as filling it.
const keepQueue = 1 << 16

// giveBack gives back what the worker has pooled for itself. Called between two tasks.
func (w *worker) giveBack() {
	w.s.fiberPool.Put(w.idleFibers...)
	w.idleFibers = nil
	w.freeTasks = taskpool.List{}
	w.Forget()
}
