package scheduler

import "github.com/heddle-go/heddle/internal/rt"

// The tasks of a scheduler with WithWaits count their dispatches and the time that they have run
// (rt.Runs), for TaskInfo. A dispatch begins in noteDispatch. It ends in noteWait if the task waits,
// and in noteYield if the task gives way: before commit queues the task, because then another
// worker may run it. A call on the spot does not count as time that the task runs.
//
// If the worker switches from a task that waits straight to another, the dispatch of that one begins
// where the last one ended, which saves a reading of the clock: see worker.waitedAt. The time in
// between, in which the worker has found the next task, counts as that task's.

// counts reports whether the worker's tasks count their dispatches.
func (w *worker) counts() bool { return w.Looks&rt.LookWaits != 0 }

// runsOf returns the Runs of d, or nil if d has none.
func runsOf(d *rt.Task) *rt.Runs {
	if x := d.Extra(); x != nil && x.Look != nil {
		return &x.Look.Runs
	}
	return nil
}

// runBegins notes that a dispatch of d begins, at the time now, or at the present time if now is 0.
func (w *worker) runBegins(d *rt.Task, now int64) {
	if r := runsOf(d); r != nil {
		if now == 0 {
			now = w.s.now()
		}
		r.Begin(now)
	}
}

// runStops notes that d no longer runs. It returns the time, or 0 if d has no Runs.
func (w *worker) runStops(d *rt.Task) (now int64) {
	if r := runsOf(d); r != nil {
		now = w.s.now()
		r.Stop(now)
	}
	return now
}

// runResumes notes that d runs again after a call on the spot.
func (w *worker) runResumes(d *rt.Task) {
	if r := runsOf(d); r != nil {
		r.Resume(w.s.now())
	}
}
