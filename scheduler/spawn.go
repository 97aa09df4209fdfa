package scheduler

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
	if w.Looks != 0 {
		x = w.s.born(x, w.Current.Load())
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
		w.displace(old, was)
	}
	w.s.wakeOne() // (Sleep-P2, Sleep-P3)
	return d, gen
}

// newTask returns a free descriptor for a task with extension x, which may be nil, and counts the
// task. It is small enough to inline. The other way to a task is Scheduler.newTask, for callers
// that are on no worker.
func (w *worker) newTask(x *rt.Extra) *rt.Task {
	w.n.spawned++
	return w.freeTasks.Take(&w.s.taskPool, x)
}
