package scheduler

import (
	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/inject"
	"github.com/heddle-go/heddle/internal/prefetch"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

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

// pick returns the next task to run from what is at hand: next slot, own queue,
// injector, timers. It takes the task from its queue, does not block and does not steal. Without a task, the
// caller must not look elsewhere before it has seen that the worker does not halt.
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
	fired := q.ExpireOne(now, w.ringing, func(r *rt.Task) {
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

// fair is what happens every fairTick-th time. stop says that the worker has to halt, so that nothing is to be
// picked.
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

// seeReadyGoroutines looks at the clock now and then while an outsider waits for a P.
func (w *worker) seeReadyGoroutines() {
	if w.owedLook++; w.owedLook%8 == 0 {
		w.letIn(w.s.now())
	}
}

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

func (w *worker) expireTimers(now int64) {
	if w.s.timers.Due(now) {
		w.s.timers.Expire(now, w.ringing, w.push)
	}
}

// expireSome fires one batch of the timers that are due.
func (w *worker) expireSome(now int64) { w.s.timers.ExpireSome(now, w.ringing, w.push) }

// maxSteal bounds a batch that is stolen. Half of a long queue is plenty for a
// long time, and taking it takes long.
const maxSteal = 4096

// adopt makes a task of a frame that the worker has stolen or found. It returns nil if the frame's
// parent has claimed it.
func (w *worker) adopt(f *rt.Frame) *rt.Task {
	if !f.Claim() {
		return nil
	}
	x := stolenExtra(f)
	d := w.freeTasks.Take(&w.s.taskPool, x)
	w.live++
	w.n.spawned++
	beginStolen(d, f, x)
	return d
}

// beginStolen starts in d the life of the call f, which the caller has claimed and counted.
func beginStolen(d *rt.Task, f *rt.Frame, x *rt.Extra) {
	d.Start(f, x)
	f.Parent.Adopt(d)
}

// stolenExtra returns what is said of a stolen call before it starts.
func stolenExtra(f *rt.Frame) *rt.Extra {
	return &rt.Extra{Owner: (*task.Ctx)(f.Parent), Level: f.Parent.Status().Level(), Stolen: true}
}

// stealOnce looks once into everybody's queue, of workers that have left too.
func (w *worker) stealOnce() *rt.Task {
	ws := w.s.workers()
	if len(ws) == 1 {
		return nil
	}
	at := w.rng.IntN(len(ws))
	for i := range ws {
		v := ws[(at+i)%len(ws)]
		if v == w {
			continue
		}
		if !v.runq.Thief().Empty() {
			if d := w.stealFrom(v); d != nil {
				return d
			}
		}
		if d := w.stealFork(v); d != nil {
			return d
		}
	}
	return nil
}

// stealFork takes the oldest forked call that v has exposed. If there is none it leaves a
// request, which v's task meets at its next fork.
func (w *worker) stealFork(v *worker) *rt.Task {
	for {
		f, out := v.Forks.Thief().Steal()
		switch out {
		case deque.Stolen:
			if d := w.adopt(f); d != nil {
				w.n.steals++
				w.n.stolen++
				return d
			}
		case deque.Empty:
			return nil
		}
	}
}

// oldestFork takes the oldest call that was forked here. It is how forked calls get a turn beside a queue that is never
// empty: takeFork, which comes behind that queue, takes the newest.
func (w *worker) oldestFork() *rt.Task {
	// (A Steal that finds nothing asks for more, which would be the worker itself asking.)
	for v := w.Forks.Thief(); !v.Empty(); {
		if f, out := v.Steal(); out == deque.Stolen {
			if d := w.adopt(f); d != nil {
				return d
			}
		}
	}
	return nil
}

// takeFork takes a call that a task forked here before it went away.
func (w *worker) takeFork() *rt.Task {
	for {
		f := w.Forks.Pop()
		if f == nil {
			return nil
		}
		if d := w.adopt(f); d != nil {
			return d
		}
	}
}

func (w *worker) stealFrom(v *worker) *rt.Task {
	for {
		d, n, out := v.runq.Thief().StealBatch(&w.runq, maxSteal)
		switch out {
		case deque.Stolen:
			w.n.steals++
			w.n.stolen += uint64(n)
			if n > 1 && !w.searching {
				// For a moment the batch was in neither queue. A searcher that
				// finds something looks again (W5); a worker that has only
				// glanced around on behalf of a task must do so too.
				w.s.wakeOne()
			}
			if d = w.valid(d); d == nil {
				d = w.pop() // of the batch
			}
			if d != nil {
				return d
			}
		case deque.Empty:
			return nil
		}
	}
}

// stealNext takes what has been in somebody's next slot for the whole
// time of grace.
func (w *worker) stealNext() *rt.Task {
	for _, v := range w.s.workers() {
		if v == w {
			continue
		}
		seq, ok := v.next.look()
		if !ok {
			continue
		}
		for start, looks := w.s.now(), 0; looks < mostLooks && w.s.now()-start < nextGrace; looks++ {
			if now, _ := v.next.look(); now != seq {
				break
			}
		}
		if d := v.next.steal(seq); d != nil {
			v.nextStolen.Store(true)
			w.n.steals++
			w.n.stolen++
			if d = w.valid(d); d != nil {
				return d
			}
		}
	}
	return nil
}

// nextGrace is how long a task may sit in a next slot before others take it: several
// times what two tasks take that wake each other in turn, and well below what
// waking a thread costs.
const nextGrace = 3000

// mostLooks is more than fit into nextGrace, if the clock goes: it stands still in a bubble of testing/synctest.
const mostLooks = 1 << 12
