package engine

import (
	"github.com/heddle-go/heddle/internal/rt"
)

// Spawn implements rt.Host. The new task goes to the next slot, and displaces the task that was
// there. A high or low task goes to the injector instead. Before a worker sleeps,
// it looks for children in the next slots of all workers, because the parent may run on for long.
// It does not look for woken tasks there: see Local.
func (w *worker) Spawn(fn any, x *rt.Extra) (*rt.Task, uint32) {
	if w.s.phase.Load() >= phaseClosed {
		return nil, 0
	}
	under := x != nil && x.Parents != nil
	if under {
		me := w.Current.Load()
		w.s.cohorts.Hold(x) // calls a user's code, so it may panic, and the caller may wait in it
		if me != nil {
			w = workerOf(me)
		}
	}
	d := w.newTask(x)
	d.Spawned(fn, x)
	gen := d.Gen()
	if under {
		w.s.cohorts.Attach(x, d, gen)
	}
	if w.notesReady {
		w.stamp(d)
	}
	if x != nil && d.Ranked() {
		w.push(d)
		return d, gen
	}
	if old, was := w.next.put(d, newChild); old != nil { // (Sleep-P1)
		w.displace(old, was, w.Dispatch.Load())
	}
	w.crew.wakeOne() // (Sleep-P2, Sleep-P3)
	return d, gen
}

// newTask returns a free descriptor for a task with extension x, which may be nil, and counts the
// task. It is small enough to inline. The other way to a task is Scheduler.newTask, for callers
// that are on no worker.
func (w *worker) newTask(x *rt.Extra) *rt.Task {
	w.n.spawned++
	return w.freeTasks.Take(&w.s.taskPool, x)
}

// push queues a runnable task at the back of the worker's queue, or in the injector if it is a high
// or low task. It wakes a worker if none searches.
func (w *worker) push(d *rt.Task) {
	if d.Ranked() {
		w.s.inj.Push(d) // (Sleep-P1)
	} else {
		w.runq.Push(d) // (Sleep-P1)
	}
	w.crew.wakeOne() // (Sleep-P2, Sleep-P3)
}

// pushReady is push for a task that has just been made runnable.
func (w *worker) pushReady(d *rt.Task) {
	if w.notesReady {
		w.stamp(d)
	}
	w.push(d)
}

// Local implements rt.Host. It puts d into the next slot, and displaces the task that was there.
//
// Usually the running task soon gives way, and the worker itself takes d from the slot. Then waking
// another worker would be useless, because a thief would only separate the two tasks. But the
// running task may also run on for long. So Local wakes a worker, unless that was useless lately.
// After each wake-up it skips the next 2^nextWake-1 wake-ups, and nextWake grows by 1 each time, up
// to 16. If a thief has taken a task from the slot meanwhile, nextWake begins again at 1. If Local
// skips a wake-up and d gets stuck, sysmon wakes a worker when it sees d in the slot at two ticks
// (Slot-N1 to Slot-N3 in ARCHITECTURE.md, "The next slot").
//
// A high or low task goes to the injector.
func (w *worker) Local(d *rt.Task) {
	if w.notesReady {
		w.noteWoken(d)
	}
	if d.Ranked() {
		w.push(d)
		return
	}
	if !w.next.full() {
		w.next.fill(d, wokenTask)
	} else if old, was := w.next.put(d, wokenTask); old != nil {
		w.displace(old, was, w.Dispatch.Load())
		w.crew.wakeOne() // (Sleep-P2, Sleep-P3)
		return
	}
	if w.nextSkip > 0 {
		w.nextSkip--
		return
	}
	if w.s.idle.NeedsWake() {
		if w.nextStolen.Load() {
			w.nextStolen.Store(false)
			w.nextWake = 0
		}
		w.nextWake = min(w.nextWake+1, 16)
		w.nextSkip = 1<<w.nextWake - 1
		w.crew.wakeOne()
	}
}

// local queues t, which the caller has just made runnable, and returns true. It returns false if t
// belongs to another scheduler.
func (w *worker) local(t *rt.Task) bool {
	if t.Shared() != &w.s.shared {
		return false
	}
	w.Local(t)
	return true
}

// handOn is local for a worker that runs no task and is about to look for work. If the chain may
// have another dispatch, t goes to handoff, so that the worker runs it without a look for work.
func (w *worker) handOn(t *rt.Task) bool {
	if w.handoff == nil && t.Shared() == &w.s.shared && !t.Ranked() && w.mayHandOn() {
		if w.notesReady {
			w.noteWoken(t)
		}
		w.handoff = t
		return true
	}
	return w.local(t)
}

// inject queues d, which the caller has just made runnable. The caller may be any goroutine or
// task. If it runs on a worker of s, d goes to that worker's next slot, otherwise to the injector.
func (s *Scheduler) inject(d *rt.Task) {
	if w := currentWorker(); w != nil && w.s == s {
		w.Local(d)
		return
	}
	if s.looks&rt.LookRing != 0 {
		s.noteWake(d, rt.ByGoroutine)
	}
	s.injectOutside(d)
}

// injectDue is inject for a task whose timer was fired by sysmon, or by the goroutine or task that
// advances a user's Clock. (A worker that fires a timer calls pushDue.)
func (s *Scheduler) injectDue(d *rt.Task) {
	if s.looks&rt.LookRing == 0 {
		s.inject(d)
		return
	}
	if w := currentWorker(); w != nil && w.s == s {
		was := w.firing
		w.firing = true
		w.Local(d)
		w.firing = was
		return
	}
	s.noteWake(d, rt.ByTimer)
	s.injectOutside(d)
}

// injectAll is inject for several tasks. If the caller runs on no worker of s, all of them go to
// the injector under one lock. One wake-up (Sleep-P2, Sleep-P3) is enough because it comes after
// Sleep-P1 of all of them. A searcher that takes one of the tasks wakes the next worker if there
// are more.
func (s *Scheduler) injectAll(ds []*rt.Task) {
	if w := currentWorker(); w != nil && w.s == s {
		for _, d := range ds {
			w.Local(d)
		}
		return
	}
	for _, d := range ds {
		if s.looks&rt.LookRing != 0 {
			s.noteWake(d, rt.ByGoroutine)
		}
		s.measuring.stamp(d, &s.clock)
	}
	s.inj.PushAll(ds) // (Sleep-P1)
	s.wakeOne()       // (Sleep-P2, Sleep-P3)
}
