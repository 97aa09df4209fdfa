package scheduler

import (
	"github.com/heddle-go/heddle/internal/prefetch"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// find returns the next task to run. It searches and sleeps until there is one. It returns nil when
// the scheduler quits or the worker has to leave.
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
		w.fairNext() // the worker may have been woken to halt, so the next pick checks that first
	}
}

// stopSearching ends the worker's search, because the worker has found a task, quits or leaves
// (Sleep-W5). The last searcher to stop wakes another worker if there is more work.
func (w *worker) stopSearching() {
	if !w.searching {
		return
	}
	w.searching = false
	if w.s.idle.StopSearch() && w.s.visibleWork() {
		w.s.wakeOne()
	}
}

// A search takes at most searchRounds rounds over all victims. Waking a pinned thread takes about
// 10 us, so a worker searches for about as long before it goes to sleep. BenchmarkPingPong and
// BenchmarkSubmit at workers=2 show the effect.
const (
	searchRounds = 64
	searchPause  = 100 // iterations of an empty loop between two rounds
)

// search looks for a task in the queues and next slots of the other workers, in the injector and
// among the timers, again and again for about 10 us. It returns nil if it finds none, or if the
// worker has to halt.
func (w *worker) search() *rt.Task {
	rounds := searchRounds
	if w.s.procs.Load() == 1 || w.s.shared.ReadyGoroutines.Load() != 0 && !(w.pinned && w.s.spareP()) {
		// The goroutine that could submit work needs the P that the search would hold. (If there is
		// a P to spare, the goroutine runs there. Without pinning, the search is short even then,
		// because sleeping and waking costs less.)
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
		if (i == rounds-1 || i%8 == 7) && w.s.timers.First() != 0 {
			if now := w.s.now(); w.s.timers.Due(now) {
				w.firing = true
				w.s.timers.ExpireAny(now, w.timerBatch, w.pushDue)
				w.firing = false
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

// At every fairTick-th look for work, the injector, the calls that were forked on this worker or
// the oldest child come before the worker's own queues. So tasks that fill the worker's queues
// cannot starve these three. The three take turns, and one that has nothing leaves its turn to the
// next.
//
// If n forked calls wait, the last of them begins after at most 3*n*fairTick looks. The same bound
// holds for n tasks in the injector. takeShare usually gives them a lower one. If k tasks of the
// worker's queue yield all the time, takeShare moves the injector's part of the looks that have
// passed, so all n tasks are in the queue after about (n+k)*ln(n) looks. Then they begin when the
// tasks ahead of them have had their turns. children.go has the bound for children.
//
// fairTick is a prime, as in Go's scheduler, so that it does not fall into step with a program's
// own period.
const fairTick = 61

// maxNextRun bounds how often in a row a woken task in the next slot comes before the queue. So two
// tasks that wake each other cannot starve the queue. The rules for children in the slot are in
// chain.go.
const maxNextRun = 3

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
	ready, ranked := w.s.shared.ReadyGoroutines.Load(), w.s.inj.AnyRanked()
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
	return w.takeHigh()
}

// pickFirst is the part of pick that comes before the worker's own tasks and that seldom has
// anything to do. If stop is true, the worker has to halt.
//
//go:noinline
func (w *worker) pickFirst() (d *rt.Task, stop bool) {
	w.waitedAt = 0 // what follows may take long
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

// lookAhead prefetches memory that the second to fourth task of a long queue will touch. An earlier
// call has done so for the first. The nearer a task is, the more lookAhead prefetches for it. The
// tasks of a short queue are in the caches anyway: each takes about 2 KB there, so 256 of them fill
// a second-level cache of half a megabyte.
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

// takeInjected takes the injector's oldest task, and moves up to most-1 further ones to the
// worker's queue. If that task's entry is stale, takeInjected returns the oldest of the queue.
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

// pickFair is pick for the successor of a task that was preempted. If all tasks use up their
// quanta, the next fairTick-th look may be 0.6 s away (61 times 10 ms). So at every other call of
// pickFair, the tasks that passedOver knows come first, in turns.
func (w *worker) pickFair() *rt.Task {
	if w.halting() {
		return nil
	}
	w.fairTurn++
	if w.fairTurn%2 == 1 && !w.s.inj.AnyHigh() {
		if d := w.passedOver(w.fairTurn / 2); d != nil {
			w.turns.lowSkips++
			return d
		}
	}
	return w.pick()
}

// pickDue is pick for the successor of a task that goes to sleep at the time now. A task whose
// timer is due comes before the queue, because it has usually started, and the queue may be full of
// tasks that have not. A task that has started is closer to its end, where its stack becomes free
// for the next. (If the due task went to the back of the queue, then each of 100,000 tasks that
// sleep once would need a stack before the first one ended.)
func (w *worker) pickDue(now int64) (d *rt.Task) {
	q := w.timers
	if !q.Due(now) || w.dueRun >= maxDueRun || w.s.inj.AnyRanked() || w.halting() {
		w.dueRun = 0
		return w.pick()
	}
	w.firing = true
	fired := q.ExpireOne(now, w.timerBatch, func(r *rt.Task) {
		if w.notesReady {
			w.noteWoken(r)
		}
		if r.Ranked() {
			w.push(r)
		} else {
			d = r
		}
	})
	w.firing = false
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

// pickFirst calls stopover at tick stopAt, which is each multiple of fairTick, and the look for
// work that follows a measured dispatch. The results of stopover are those of fair.
//
//go:noinline
func (w *worker) stopover() (d *rt.Task, stop bool) {
	if w.gauge != nil {
		w.gaugeStop()
	}
	fair := w.tick%fairTick == 0
	w.planStop()
	if fair {
		return w.fair()
	}
	return nil, false
}

// planStop sets stopAt: to the next tick while a dispatch is measured, otherwise to the next
// multiple of fairTick.
func (w *worker) planStop() {
	w.stopAt = w.tick + 1
	if w.gauge == nil || !w.gauge.open {
		w.stopAt = w.tick + fairTick - w.tick%fairTick
	}
}

// fair begins every fairTick-th look for work. If stop is true, the worker has to halt, and the
// caller must pick no task.
func (w *worker) fair() (d *rt.Task, stop bool) {
	w.show()
	if w.halting() {
		return nil, true
	}
	if w.tick%(16*fairTick) == 0 {
		w.checkThread()
	}
	w.expireFair()
	return w.passedOver(w.tick / fairTick), false
}

// passedOver returns a task that the worker's queues could starve, or nil: the oldest call that was
// forked here, the oldest task of the injector, or the oldest child. turn says which of them has
// the turn. If that has nothing, the next one has it.
func (w *worker) passedOver(turn uint32) *rt.Task {
	for i := range uint32(3) {
		var d *rt.Task
		switch (turn + i) % 3 {
		case 0:
			d = w.oldestFork()
		case 1:
			d = w.takeShare()
		case 2:
			d = w.oldestChild()
		}
		if d != nil {
			return d
		}
	}
	return nil
}

// takeShare takes the injector's oldest task, and moves more of its tasks to the end of the
// worker's queue, where they delay no other task. If the queue has had t turns since the injector's
// last turn, and n tasks are in the injector and k in the queue, t*n/(n+k) tasks leave the injector
// in all. So the tasks in both advance equally fast. One task in fairTick looks would be too few
// while the workers have enough work of their own, because sysmon may have moved many tasks to the
// injector from behind a hog.
func (w *worker) takeShare() *rt.Task {
	turns := w.queueTurns
	w.queueTurns = 0
	n := w.s.inj.Normal()
	if n == 0 {
		return nil
	}
	return w.takeInjected(turns * n / (n + w.runq.Len() + w.children.Len()))
}

// expireTimers fires the timers of the worker's own queue that are due, and those of the queues
// whose turn it is.
//
// If pick finds no task, it fires the timers of the worker's own queue and of the common queue. The
// queues of the other workers may hold timers that are due, too, if their workers run tasks that do
// not give way. A worker that has nothing to do looks at all of those queues, in search and before
// it sleeps. A worker that always has tasks looks at a few of those queues at each fairTick-th look
// and each time a budget is spent (expireTurn). sysmon looks at all of them at each tick.
func (w *worker) expireTimers(now int64) {
	if w.timers.Due(now) {
		w.firing = true
		w.timers.Expire(now, w.timerBatch, w.pushDue)
		w.firing = false
	}
	w.expireTurn(now)
}

// expireFair is expireTimers for one batch of each queue. It reads the clock only if one of them
// has timers.
func (w *worker) expireFair() {
	var now int64
	if w.timers.First() != 0 {
		now = w.s.now()
		w.expireOf(w.timers, now)
	}
	w.expireTurn(now)
}

// expireSome fires one batch of the timers that are due in the worker's own queue, and one of those
// in the common queue.
func (w *worker) expireSome(now int64) {
	w.expireOf(w.timers, now)
	w.expireOf(w.s.timers.Common(), now)
}

// expireOf fires one batch of the timers of q that are due.
func (w *worker) expireOf(q *timers.Queue, now int64) {
	if q.Due(now) {
		w.firing = true
		q.ExpireSome(now, w.timerBatch, w.pushDue)
		w.firing = false
	}
}

// pushDue queues a task that a timer has just made runnable.
func (w *worker) pushDue(d *rt.Task) {
	if w.notesReady {
		w.noteWoken(d)
	}
	w.push(d)
}

// expireTurn fires a batch of the timers that are due at now in each of the queues whose turn it
// is. If now is 0 and one of them has timers, expireTurn reads the clock.
func (w *worker) expireTurn(now int64) {
	qs := w.s.timers.Turn(w.timerTurn)
	w.timerTurn += uint32(len(qs))
	for _, q := range qs {
		if q.First() == 0 {
			continue
		}
		if now == 0 {
			now = w.s.now()
		}
		w.expireOf(q, now)
	}
}

// timersHere returns the timer queue of the worker that the caller runs on, or nil if it runs on
// none of s.
func (s *Scheduler) timersHere() *timers.Queue {
	if w := currentWorker(); w != nil && w.s == s {
		return w.timers
	}
	return nil
}
