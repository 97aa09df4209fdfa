package scheduler

import (
	"github.com/heddle-go/heddle/internal/inject"
	"github.com/heddle-go/heddle/internal/prefetch"
	"github.com/heddle-go/heddle/internal/rt"
)

// find returns the next task to run. It searches, sleeps and wakes until there is
// one, and returns nil when the scheduler quits or the worker has to leave.
func (w *worker) find() *rt.Task {
	for {
		if d := w.pick(); d != nil {
			w.stopSearching()
			return d
		}
		if !w.halting() {
			if d := w.takeLast(); d != nil {
				w.stopSearching()
				return d
			}
		}
		if w.s.quit.Load() {
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
		w.fairNext() // it may have been woken in vain: see first whether to halt
	}
}

// stopSearching ends the search after it found something (W5): the last searcher
// wakes another if there is more.
func (w *worker) stopSearching() {
	if !w.searching {
		return
	}
	w.searching = false
	if w.s.idle.StopSearch() && w.s.visibleWork() {
		w.s.wakeOne()
	}
}

// Bounds of the search, in rounds over all victims. Waking a pinned thread takes about
// 10 us, so it pays to look around for about as long before going to sleep.
// BenchmarkPingPong and BenchmarkSubmit at workers=2 show the effect.
const (
	searchRounds = 64
	searchPause  = 100 // iterations of an empty loop between two rounds
)

// search looks everywhere for a while.
func (w *worker) search() *rt.Task {
	rounds := searchRounds
	if w.s.procs.Load() == 1 || w.s.home.ReadyGoroutines.Load() != 0 && !(w.pinned && w.s.spareP()) {
		// Whoever could produce work needs the P that the search would hold. (With another one to spare it runs there. To a worker that is not
		// pinned, sleeping and waking costs less than the search.)
		rounds = 1
	}
	for i := range rounds {
		if d := w.stealOnce(); d != nil {
			return d
		}
		if !w.s.inj.Empty() || w.s.inj.AnyRanked() || w.s.quit.Load() || w.halting() {
			if d := w.pick(); d != nil || w.halting() {
				return d
			}
			return w.takeLast()
		}
		if f := w.s.timers.First(); f != 0 && i%8 == 7 {
			if now := w.s.now(); f <= now {
				return w.pick()
			}
		}
		if i == rounds-1 || i%16 == 15 {
			if d := w.stealNext(); d != nil {
				return d
			}
		}
		for range searchPause {
		}
	}
	return nil
}

// fairTick is how often the injector, or the calls that were forked on this worker, come before the worker's own
// queue, so that tasks that keep that filled cannot starve them. If both have something they take turns: of n calls that wait,
// the last has its turn after 2*n*fairTick looks for work at most, and of n tasks in the injector after that or, if it is
// less, after 2*(n+k) looks and what lies in the worker's own queue by then, with k there at first. A prime, as Go's
// schedule has it, so as not to fall into step with programs.
const fairTick = 61

// maxNextRun bounds how often in a row a woken task in the next slot comes before the queue, so that two tasks
// that wake each other cannot starve it. For tasks that were just started, see chain.go.
const maxNextRun = 3

// maxDueRun bounds how often in a row the turn of a task that goes to sleep passes to one that has slept, so that
// sleepers cannot starve the queue. BenchmarkSleepMany/sleeps=1 shows the effect: with 3 it takes about a third more.
const maxDueRun = 15

// pick takes the next task to run from the next slot, the worker's queue, the injector or the
// timers. It does not block and does not steal. If it returns nil, the caller must check that the
// worker does not halt before it looks elsewhere.
func (w *worker) pick() *rt.Task {
	w.tick++
	if w.tick%fairTick == 0 {
		if d, stop := w.fair(); d != nil || stop {
			return d
		}
	}
	if w.s.home.ReadyGoroutines.Load() != 0 {
		w.seeReadyGoroutines()
	}
	if w.s.inj.AnyRanked() {
		if d := w.takeRanked(); d != nil {
			return d
		}
	}
	if w.wish.t != nil {
		if d := w.claim(); d != nil {
			return d
		}
	}
	if w.next.full() && w.mayRunNext() {
		if d := w.takeNext(); d != nil {
			return d
		}
	}
	w.endChain()
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
	if d := w.takeInjected(w.s.inj.Normal()/w.s.Workers() + 1); d != nil {
		return d
	}
	if w.s.timers.First() != 0 {
		w.expireSome(w.s.now())
		if d := w.pop(); d != nil {
			return d
		}
		if d := w.takeNext(); d != nil {
			return d
		}
	}
	return w.takeHigh()
}

// lookAhead requests what the next tasks in a long queue will touch: the farther
// ahead, the less is known of them. Tasks of a short queue are in the caches anyway: about 2 KB
// each, they fill a second-level cache of half a megabyte when there are 256.
func (w *worker) lookAhead() {
	if w.runq.Peek(longQueue) == nil {
		return
	}
	prefetch.Of(w.runq.Peek(3))
	if d := w.runq.Peek(2); d != nil {
		prefetch.Of(d.Fib())
	}
	if d := w.runq.Peek(1); d != nil {
		if f := d.Fib(); f != nil {
			f.Warm()
		}
	}
}

const longQueue = 256

// takeInjected takes the injector's oldest task, and queues up to most-1 further ones.
func (w *worker) takeInjected(most int) *rt.Task {
	d, _ := w.s.inj.Pop(most, w.runq.Push)
	if d != nil && !w.runq.Thief().Empty() {
		w.s.wakeOne()
	}
	if d != nil && w.valid(d) == nil {
		return w.pop()
	}
	return d
}

// pickFair is pick for the successor of a task that was preempted. Among tasks that use
// up their quantum, every 61st dispatch may be a second away, so here the injector and the
// calls that were forked on this worker have every other turn, one after the other.
func (w *worker) pickFair() *rt.Task {
	if w.halting() {
		return nil
	}
	w.fairTurn++
	if w.fairTurn%2 == 1 && !w.s.inj.AnyHigh() {
		if d := w.passedOver(w.fairTurn%4 == 3); d != nil {
			w.turns.lowSkips++
			return d
		}
	}
	return w.pick()
}

// pickDue is pick for the successor of a task that goes to sleep at now. A task that is due comes before the queue, which
// may be full of tasks that have not started: one that has is closer to its end, and then its stack serves the
// next. (At the back of that queue, each of 100,000 that sleep once would need a stack before the first ended.)
func (w *worker) pickDue(now int64) (d *rt.Task) {
	q := &w.s.timers
	if !q.Due(now) || w.dueRun >= maxDueRun || w.s.inj.AnyRanked() || w.halting() {
		w.dueRun = 0
		return w.pick()
	}
	fired := q.ExpireOne(now, w.timerBatch, func(r *rt.Task) {
		if inject.Ranked(r) {
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
	if q.Due(now) {
		w.s.wakeOne()
	}
	return d
}

// fair begins every fairTick-th look for work. stop says that the worker has to halt, so the caller
// must pick no task.
func (w *worker) fair() (d *rt.Task, stop bool) {
	w.flush()
	if w.halting() {
		return nil, true
	}
	if w.tick%(16*fairTick) == 0 {
		w.checkThread()
	}
	if w.s.timers.First() != 0 {
		w.expireSome(w.s.now())
	}
	return w.passedOver(w.tick/fairTick%2 == 0), false
}

// passedOver returns a task of what the worker's queue can starve, or nil: the oldest call that was forked here, and what
// comes from outside. forks says which of the two has the turn; if it has nothing, the other has it.
func (w *worker) passedOver(forks bool) *rt.Task {
	if forks {
		if d := w.oldestFork(); d != nil {
			return d
		}
	}
	if d := w.takeShare(); d != nil || forks {
		return d
	}
	return w.oldestFork()
}

// takeShare takes the injector's oldest task, and queues further ones here, as many as make the injector's tasks advance as fast
// as those of the worker's own queue, by the turns that this has had. That delays nothing, since they queue at the end. Otherwise, of many that sysmon has
// handed out behind a hog, only one in fairTick would have its turn wherever workers have enough of their own.
func (w *worker) takeShare() *rt.Task {
	turns := w.queueTurns
	w.queueTurns = 0
	n := w.s.inj.Normal()
	if n == 0 {
		return nil
	}
	return w.takeInjected(turns * n / (n + w.runq.Len()))
}

func (w *worker) expireTimers(now int64) {
	if w.s.timers.Due(now) {
		w.s.timers.Expire(now, w.timerBatch, w.push)
	}
}

// expireSome fires one batch of the timers that are due.
func (w *worker) expireSome(now int64) { w.s.timers.ExpireSome(now, w.timerBatch, w.push) }
