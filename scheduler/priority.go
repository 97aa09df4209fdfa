package scheduler

import "github.com/heddle-go/heddle/internal/rt"

// Priorities. Normal tasks take the ways that they would take without levels. High and low ones go to
// the injector, whichever goroutine makes them runnable: see package inject.
//
// Among the levels turns are counted, not time. While high tasks are queued:
//
//	at most highRun dispatches from the high queue in a row, then one of a normal task, if there is one at hand
//
// and while low ones are:
//
//	one dispatch from the low queue after lowSkips looks for work that have passed it over; at once if there
//	is nothing else at hand and a stealOnce into the others' queues finds nothing
//
// Both counts are each worker's own. So with any number of tasks of the other levels, a worker that gets to
// look for work runs a low task at the latest at its 32nd look. A task that has got such a turn keeps its
// worker as long as any, for a quantum; others give way to a high one at the first checkpoint that looks at the clock.

// maxHighRun and lowTurn are the N of "one in N" less one, and N. What high tasks lose by them is an eighth of the
// dispatches; what normal ones lose, a 32nd.
const (
	maxHighRun = 7
	lowTurn    = 32
)

// turns are what a worker remembers of the levels' turns.
type turns struct {
	highRun  int    // dispatches from the high queue in a row
	highTick uint32 // the look for work that gave the last of them
	lowSkips int    // looks for work that have passed the low queue over
	kept     uint32 // the look that gave a turn to a lower level: what it found is not outranked
}

// takeRanked returns a high or a low task if it is their turn. Called by pick when there are any.
func (w *worker) takeRanked() *rt.Task {
	q, t := &w.s.inj, &w.turns
	if q.Directed() {
		return w.direct()
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
		t.highRun = 0 // somebody else has had a turn since
	}
	if t.highRun >= maxHighRun {
		t.highRun = 0
		t.kept = w.tick
		return nil
	}
	return w.takeHigh()
}

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

// takeLow returns a low task.
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

// takeLast is for when pick has found nothing: it returns a task that others would have taken soon, or a low one.
func (w *worker) takeLast() *rt.Task {
	if !w.s.inj.AnyRanked() {
		return nil
	}
	if d := w.stealOnce(); d != nil {
		return d
	}
	return w.takeLow()
}

// peer returns another low task to run instead of d, which gives way, if d is a low one. A normal one is not to wait behind
// low ones that are queued already.
func (w *worker) takeOtherLow(d *rt.Task) *rt.Task {
	if !w.s.inj.AnyRanked() || d.Status().Level() != rt.Low {
		return nil
	}
	return w.takeLow()
}

// outranked reports whether d, which runs, is to give way to a high task before its quantum is over.
func (w *worker) outranked(d *rt.Task) bool {
	return w.s.inj.AnyHigh() && w.turns.kept != w.tick && d.Status().Level() != rt.High
}
