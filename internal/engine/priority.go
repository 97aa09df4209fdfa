package engine

import "github.com/heddle-go/heddle/internal/rt"

// Priorities. Normal tasks go through the workers' queues as if there were no levels. High and low
// tasks always go to the injector, also if a worker makes them runnable: see package inject. They
// are called ranked.
//
// The levels share by turns, not by time. While high tasks are queued:
//
//	at most maxHighRun dispatches from the high queue in a row, then one of a normal task if the
//	worker has one at hand
//
// While low tasks are queued:
//
//	one dispatch from the low queue after lowTurn looks for work that have passed it over; at once
//	if nothing else is at hand and stealOnce finds nothing
//
// Each worker counts for itself. So with any number of tasks of the other levels, a worker runs a
// low task at its lowTurn-th look for work at the latest. A normal or low task that has got such a
// turn keeps its worker for a quantum (kept). Other normal and low tasks give way to a high task at
// the first checkpoint that looks at the clock.

// These bounds cost high tasks an eighth of the dispatches, and normal tasks a 32nd.
const (
	maxHighRun = 7
	lowTurn    = 32
)

// turns is what a worker remembers of the turns of the levels.
type turns struct {
	highRun  int    // dispatches from the high queue in a row
	highTick uint32 // the look for work that gave the last of them
	lowSkips int    // looks for work that have passed the low queue over
	kept     uint32 // the look that gave a lower level its turn; see outranked
}

// takeRanked returns a high or low task if its level has the turn. pick calls it if there are any.
func (w *worker) takeRanked() *rt.Task {
	q, t := &w.s.inj, &w.turns
	if q.Directed() {
		return (*directed)(w).direct()
	}
	if q.AnyLow() {
		if t.lowSkips++; t.lowSkips >= lowTurn {
			if d, _ := q.PopLevel(rt.Low); d != nil {
				t.lowSkips = 0
				t.kept = w.tick
				return d
			}
		}
	}
	if !q.AnyHigh() {
		return nil
	}
	if w.tick-t.highTick > 1 {
		t.highRun = 0 // another level has had a turn since
	}
	if t.highRun >= maxHighRun {
		t.highRun = 0
		t.kept = w.tick
		return nil
	}
	return w.takeHigh()
}

// takeHigh returns a high task, or nil.
func (w *worker) takeHigh() *rt.Task {
	if !w.s.inj.AnyHigh() {
		return nil
	}
	d, _ := w.s.inj.PopLevel(rt.High)
	if d != nil {
		w.turns.highRun++
		w.turns.highTick = w.tick
	}
	return d
}

// takeLow returns a low task, or nil.
func (w *worker) takeLow() *rt.Task {
	if !w.s.inj.AnyLow() {
		return nil
	}
	d, _ := w.s.inj.PopLevel(rt.Low)
	if d != nil {
		w.turns.lowSkips = 0
	}
	return d
}

// takeLast is called when pick has found nothing. It returns a task that other workers would have
// taken soon, or a low task.
func (w *worker) takeLast() *rt.Task {
	if !w.s.inj.AnyRanked() {
		return nil
	}
	if d := w.stealOnce(); d != nil {
		return d
	}
	return w.takeLow()
}

// takeOtherLow returns a low task to run in place of d, which would give way, if d is a low task
// itself. It returns nil if d is not low, because such a d must not wait behind low tasks.
func (w *worker) takeOtherLow(d *rt.Task) *rt.Task {
	if !w.s.inj.AnyRanked() || d.Status().Level() != rt.Low {
		return nil
	}
	return w.takeLow()
}

// outranked reports whether the running task d must give way to a high task before its quantum is
// over. A task that the look kept has found is not outranked.
func (w *worker) outranked(d *rt.Task) bool {
	return w.s.inj.AnyHigh() && w.turns.kept != w.tick && d.Status().Level() != rt.High
}
