package engine

import (
	"time"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
)

// After a burst of tasks the scheduler gives back its memory. sysmon ends the loop fibers and drops
// the descriptors that no worker has needed for a while. It asks the workers to give back what only
// they may touch.
//
// A review finds the loop fibers and descriptors that are superfluous: those that were idle at
// every moment since the last review. The time between two reviews is the window. So trimming
// begins one to two windows after the last burst. Between two reviews sysmon ends loop fibers in
// steps, because ending one takes microseconds. If all workers have slept since the review before
// the last, each step ends many and the next step follows soon (whileQuiet). Otherwise the steps
// are short and take a few per cent of a processor (whileBusy), and each review gives back only
// half of what is superfluous.
//
// A pool with regular bursts must not end loop fibers after each burst and make them again for the
// next. So if many are made soon after many were ended, the window doubles, until it is longer than
// the time between two bursts. Then each window sees a burst, and nothing is superfluous.
//
// While all workers sleep, sysmon goes on ticking until it has given back all that it can.
type trims struct {
	review int64 // when the next review is due
	window int64 // from one review to the next
	step   int64 // when the next step is due

	quiet         bool   // all workers slept at the last review
	wakes         uint64 // crew.wakes at the last review
	created       uint64 // what fiberPool.Created returned at the last review
	had           int    // loop fibers that the last review found superfluous
	all           bool   // those were all idle loop fibers
	sinceReview   int    // loop fibers that were ended since the last review
	sinceDoubling int    // loop fibers that were ended since the window was last doubled
	last          int64  // when a step last ended a loop fiber
	regret        int64  // when the window was last doubled
	more          bool   // another review may find something
}

const (
	// minWindow is the shortest window. With it, all memory that 10^6 tasks leave behind is given
	// back ten seconds after they have ended.
	minWindow = int64(time.Second)
	maxWindow = 32 * minWindow
	// If a loopFiber is made within regretWithin after one was ended, ending that one was a
	// mistake. After forgiveAfter without such a mistake, the window is the shortest again.
	regretWithin = maxWindow
	forgiveAfter = 4 * maxWindow
	// Making again up to fewFibers loop fibers in a window is not worth a longer window.
	fewFibers = 64
)

// A pace is how many loop fibers a step ends at most, and how long it is until the next step.
// Ending a loopFiber takes about 1.5 us (BenchmarkReap in internal/fiber).
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
func (m *sysmon) trim(now int64) (next int64) {
	s := m.s
	t := &m.trims
	quiet := t.quiet && s.wakes.Load() == t.wakes && s.idle.Asleep()
	if now >= t.review {
		m.reviewPools(now, quiet)
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
func (m *sysmon) reviewPools(now int64, quiet bool) {
	s := m.s
	t := &m.trims
	created := s.fiberPool.Created()
	if created-t.created > fewFibers && t.sinceDoubling > fewFibers && now-t.last < regretWithin {
		t.window = min(2*t.window, maxWindow)
		t.regret, t.sinceDoubling = now, 0
	} else if t.window == 0 || now-t.regret > forgiveAfter {
		t.window = minWindow
	}
	// If all idle loop fibers were superfluous, and a quiet window still ended none of them, then
	// they cannot end yet: fibers that are not idle sleep in their slots.
	stuck := quiet && t.all && t.had > 0 && t.sinceReview == 0
	t.quiet, t.wakes = s.idle.Asleep(), s.wakes.Load()
	batches, more := s.taskPool.Trim(quiet)
	s.timers.Trim()
	if quiet && m.requestTrim(t.sinceReview > 0 || batches > 0) {
		more = true
	}
	free, had := s.fiberPool.Review(quiet)
	t.more = !quiet || more || free > 0 && !stuck
	t.review = now + t.window
	t.created, t.had, t.all, t.sinceReview = created, had, had == free, 0
}

// requestTrim asks the workers to give back what only they may touch, and reports whether it has
// asked any. If there was a burst, requestTrim asks the workers that hold little, too. It never
// asks a worker that has run no task since requestTrim last asked it. Waking a worker for this does
// not count in crew.wakes, because otherwise no window would be quiet.
//
//	sysmon                                 worker
//	Lean-R1  store lean                    Lean-W1   load lean; if it is set, give back
//	Lean-R2  claim this worker; wake it    Sleep-W2  announce that it sleeps
//
// If Lean-R2 does not find the announcement, the worker is awake. Then it gives back the next time
// that it goes to sleep, or the time after that, if it has loaded lean already.
func (m *sysmon) requestTrim(burst bool) (any bool) {
	s := m.s
	for _, w := range s.workers() {
		done := w.published.dispatches.Load() + w.published.finished.Load()
		if done == w.seen.leanAt || !burst && !w.holds.Load() {
			continue
		}
		w.seen.leanAt = done
		w.lean.Store(true)          // (Lean-R1)
		if s.idle.ClaimThis(w.id) { // (Lean-R2)
			w.parker.Unpark()
		}
		any = true
	}
	if burst {
		s.inj.Forget()
	}
	return any
}

// trimOwn gives back what the worker holds, if sysmon has asked for that (requestTrim). If sysmon
// has not asked, trimOwn only gives back the memory of a very long queue. The worker calls it
// before it sleeps.
func (w *worker) trimOwn() {
	if w.lean.Load() { // (Lean-W1)
		w.lean.Store(false)
		w.giveBack()
		w.Forks.Trim()
		w.queues.trim(0)
	} else {
		w.queues.trim(keepQueue)
	}
	const few = 4 * deque.DefaultCapacity
	holds := len(w.fibers.idle) > 2 || w.Forks.Cap() > few || w.queues.above(few) || w.Keeps()
	if holds != w.holds.Load() {
		w.holds.Store(holds)
	}
}

// trim gives back memory of the queues that have room for more than most tasks.
func (q *queues) trim(most int) {
	for _, o := range []*deque.Owner[rt.Task]{&q.runq, &q.children} {
		if o.Cap() > most {
			o.Trim()
		}
	}
}

// above reports whether one of the queues has room for more than most tasks.
func (q *queues) above(most int) bool { return q.runq.Cap() > most || q.children.Cap() > most }

// A worker keeps the memory of its queue up to a length of keepQueue, which takes 512 KB. Growing a
// queue to that length costs as much as filling it.
const keepQueue = 1 << 16

// giveBack gives back what the worker has pooled for itself. It is called between two tasks.
func (w *worker) giveBack() {
	w.fibers.giveBack()
	w.freeTasks = taskpool.List{}
	w.Forget()
}
