package engine

import (
	"github.com/heddle-go/heddle/internal/rt"
)

// find returns the next task to run: d, which pick has just returned, or, if d is nil, another one.
// It searches and sleeps until there is one. It returns nil when the scheduler quits or the worker
// has to leave.
func (w *worker) find(d *rt.Task) *rt.Task {
	for {
		if d != nil {
			w.stopSearching()
			return d
		}
		if !w.halting() {
			if d := w.takeLast(); d != nil {
				w.stopSearching()
				return d
			}
		}
		if w.s.pool.quit.Load() {
			w.stopSearching()
			return nil
		}
		if w.leaving() {
			w.handOver()
			w.stopSearching()
			return nil
		}
		if !w.s.pause.on.Load() {
			if !w.searching && !w.s.crowded(1) {
				w.searching = w.s.idle.TrySearch()
			}
			if w.searching {
				if d := w.search(); d != nil {
					w.stopSearching()
					return d
				}
			}
		}
		w.sleep()
		if !w.halting() { // the worker may have been woken to halt
			d = w.pickWoken()
		}
	}
}

// handOver moves all tasks in the worker's queues to the injector.
func (w *worker) handOver() {
	for {
		d := w.next.take()
		for _, take := range []func() *rt.Task{w.runq.Pop, w.children.Pop, w.takeFork} {
			if d == nil {
				d = take()
			}
		}
		if d == nil {
			return
		}
		if d.Status().Draft() {
			d = w.issue(d.Draft())
		}
		w.s.inj.Push(d)  // (Sleep-P1); Scheduler.inject would put d back into this worker's slot
		w.crew.wakeOne() // (Sleep-P2, Sleep-P3)
	}
}

// stopSearching ends the worker's search, because the worker has found a task, quits or leaves
// (Sleep-W5). The last searcher to stop wakes another worker, if one sleeps and there is more work.
func (w *worker) stopSearching() {
	if !w.searching {
		return
	}
	w.searching = false
	if w.s.idle.StopSearch() && w.s.idle.NeedsWake() && w.s.visibleWork() {
		w.crew.wakeOne()
	}
}

// A search takes at most searchRounds rounds over all victims, one or two microseconds. A longer one
// would find more, but it holds a P that a goroutine may need: the one that submits the next task
// when it hears of the end of the last. If the task has made that goroutine ready by means of
// package sync, the worker does not know of it. With 64 rounds BenchmarkSubmit/outstanding=1 at
// workers=2 takes three times as long, and no program gains (BenchmarkService, BenchmarkBanking,
// BenchmarkTaskTree).
const (
	searchRounds = 16
	searchPause  = 100 // iterations of an empty loop between two rounds
)

// search looks for a task in the queues and next slots of the other workers, in the injector and
// among the timers, in searchRounds rounds. It returns nil if it finds none, or if the worker has
// to halt.
func (w *worker) search() *rt.Task {
	rounds := searchRounds
	if w.s.procs.Load() == 1 || w.s.shared.ReadyGoroutines.Load() != 0 && !(w.pinned && w.s.spareP()) {
		// The goroutine that could submit work needs the P that the search would hold. (If there is
		// a P to spare, the goroutine runs there. Without pinning, the search takes one round even
		// if there is, because sleeping and waking costs less.)
		rounds = 1
	}
	for i := 0; ; i++ {
		last := i == rounds-1
		if d := w.stealOnce(); d != nil {
			return d
		}
		if !w.s.inj.Empty() || w.s.inj.AnyRanked() || w.s.pool.quit.Load() || w.halting() {
			if d := w.pick(); d != nil || w.halting() {
				return d
			}
			return w.takeLast()
		}
		if (last || i%8 == 7) && w.s.timers.First() != 0 {
			if now := w.s.now(); w.s.timers.Due(now) {
				w.expireAny(now)
				return w.pick()
			}
		}
		if last {
			return w.stealNext()
		}
		pauseSearch()
	}
}

// pauseSearch is not a part of search, because its loop takes up to twice as long if it lies across
// two cache lines. The linker aligns functions.
//
//go:noinline
func pauseSearch() {
	for range searchPause {
	}
}

// maxDueRun bounds how often in a row a task that goes to sleep passes its turn to a task whose
// sleep is over (pickDue). So tasks that sleep cannot starve the queue. With 3,
// BenchmarkSleepMany/sleeps=1 takes about a third longer.
const maxDueRun = 15

// pick takes the next task to run from what is at hand: ranked tasks that have the turn, the task
// of a wish, the next slot, the worker's children and queue, its forked calls, the injector and the
// timers. It neither blocks nor steals. On a directed worker takeRanked picks instead, and may
// block (direct). pick returns nil also if the worker has to halt, so the caller must check halting
// before it looks elsewhere.
func (w *worker) pick() *rt.Task {
	w.tick++
	s := w.s
	ready, ranked := s.shared.ReadyGoroutines.Load(), s.inj.AnyRanked()
	if w.tick == w.stopAt || ready != 0 || ranked {
		if d, stop := w.pickFirst(); d != nil || stop {
			return d
		}
	}
	if w.wish.t != nil {
		if d := w.claim(); d != nil {
			return d
		}
	}
	if w.next.full() {
		if d := w.runNext(); d != nil {
			return d
		}
	}
	w.chain.end()
	if d := w.pop(); d != nil {
		w.queueTurns++
		return d
	}
	if d := w.takeNext(); d != nil {
		return d
	}
	if d := w.takeFork(); d != nil {
		return d
	}
	if n := w.s.inj.Normal(); n != 0 {
		if d := w.takeInjected(n/w.s.Workers() + 1); d != nil {
			return d
		}
	}
	if w.timers.First() != 0 || w.s.timers.Common().First() != 0 {
		w.expireSome(w.s.now())
		if d := w.pop(); d != nil {
			return d
		}
		if d := w.takeNext(); d != nil {
			return d
		}
	}
	return w.turns.takeHigh(&w.s.inj, w.tick)
}

// pickWoken is pick for a worker that has just woken. It has most likely been woken for a
// submission, and its own queues are empty (unless it slept because of a pause), so it looks at the
// injector first.
func (w *worker) pickWoken() *rt.Task {
	s := w.s
	n := s.inj.Normal()
	if n == 0 || w.tick+1 == w.stopAt || s.shared.ReadyGoroutines.Load() != 0 || s.inj.AnyRanked() || s.dir != nil {
		return w.pick()
	}
	w.tick++
	w.chain.end()
	if d := w.takeInjected(n/s.Workers() + 1); d != nil {
		return d
	}
	return w.pick()
}

// pickFirst is the part of pick that comes before the worker's own tasks and that seldom has
// anything to do. If stop is true, the worker has to halt.
//
//go:noinline
func (w *worker) pickFirst() (d *rt.Task, stop bool) {
	w.waitedAt = 0 // forgets when the last wait began, because what follows may take long
	if w.tick == w.stopAt {
		if d, stop = w.stopover(); d != nil || stop {
			return d, stop
		}
	}
	if w.s.shared.ReadyGoroutines.Load() != 0 {
		w.seeReadyGoroutines()
	}
	if w.s.inj.AnyRanked() {
		d = w.takeRanked()
	}
	return d, false
}

// pickFair is pick for the successor of a task that was preempted. If all tasks use up their
// quanta, the next fairTick-th look may be 0.6 s away (61 times 10 ms). So at every other call of
// pickFair, the tasks that takeStarved knows come first, in turns.
func (w *worker) pickFair() *rt.Task {
	if w.halting() {
		return nil
	}
	w.fairTurn++
	if w.fairTurn%2 == 1 && !w.s.inj.AnyHigh() {
		if d := w.takeStarved(w.fairTurn / 2); d != nil {
			w.turns.lowSkips++
			return d
		}
	}
	return w.pick()
}

// pickDue is pick for the successor of a task that goes to sleep at the time now. A task whose
// timer is due comes before the queue, because it has usually started, and the queue may be full of
// tasks that have not. A task that has started is closer to its end, and then the next task can use
// its stack. (If the due task went to the back of the queue, then each of 100,000 tasks that sleep
// once would need a stack before the first one ended.)
func (w *worker) pickDue(now int64) (d *rt.Task) {
	q := w.timers
	if !q.Due(now) || w.dueRun >= maxDueRun || w.s.inj.AnyRanked() || w.halting() {
		w.dueRun = 0
		return w.pick()
	}
	fired := w.expireOne(now, func(r *rt.Task) {
		if w.notesReady {
			w.noteWoken(r)
		}
		if r.Ranked() {
			w.push(r)
		} else {
			d = r
		}
	})
	if !fired {
		w.dueRun = 0
		return w.pick()
	}
	w.dueRun++
	if d == nil {
		return w.pick()
	}
	if q.Due(now) { // a further timer, which another worker can fire
		w.crew.wakeOne()
	}
	return d
}
