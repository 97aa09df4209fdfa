package engine

import "github.com/heddle-go/heddle/internal/rt"

// pickFirst calls stopover at tick stopAt, before anything else. Usually stopAt is the next
// multiple of fairTick. While a dispatch is measured, it is the next tick, at which stopover ends
// the measurement. At a multiple of fairTick stopover returns what fair returns, otherwise nothing.
//
//go:noinline
func (w *worker) stopover() (d *rt.Task, stop bool) {
	if w.gauge != nil {
		w.gaugeStop(w.Dispatch.Load(), w.tick)
	}
	fair := w.tick%fairTick == 0
	w.planStop(w.measures())
	if fair {
		return w.fair()
	}
	return nil, false
}

// At every fairTick-th look for work, the injector, the calls that were forked on this worker or
// the oldest child come before the worker's own queues. So tasks that fill the worker's queues
// cannot starve these three. The three take turns, and one that has nothing leaves its turn to the
// next.
//
// If n forked calls wait, the last of them begins after at most 3*n*fairTick looks, because each
// third turn takes one. The same bound holds for n tasks in the injector. Usually they begin much
// sooner, because takeShare moves many of them to the worker's queue at each of the injector's
// turns. If k tasks of the queue yield all the time, all n are in the queue after about
// (n+k)*ln(n) looks, and begin when the tasks ahead of them have had their turns. children.go has
// the bound for children.
//
// fair begins every fairTick-th look for work. If stop is true, the worker has to halt, and the
// caller must pick no task.
func (w *worker) fair() (d *rt.Task, stop bool) {
	w.publish()
	if w.halting() {
		return nil, true
	}
	if w.tick%(16*fairTick) == 0 {
		w.checkThread()
	}
	w.expireFair()
	return w.takeStarved(w.tick / fairTick), false
}

// takeStarved returns a task that the worker's queues could starve, or nil: the oldest call that
// was forked here, the oldest task of the injector, or the oldest child. turn says which of them
// has the turn. If that has nothing, the next one has it.
func (w *worker) takeStarved(turn uint32) *rt.Task {
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
