package engine

import (
	"github.com/heddle-go/heddle/internal/inject"
	"github.com/heddle-go/heddle/internal/rt"
)

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

// take returns a high or low task of q if its level has the turn at look tick.
func (t *turns) take(q *inject.Queue, tick uint32) *rt.Task {
	if q.AnyLow() {
		if t.lowSkips++; t.lowSkips >= lowTurn {
			if d, _ := q.PopLevel(rt.Low); d != nil {
				t.lowSkips = 0
				t.kept = tick
				return d
			}
		}
	}
	if !q.AnyHigh() {
		return nil
	}
	if tick-t.highTick > 1 {
		t.highRun = 0 // another level has had a turn since
	}
	if t.highRun >= maxHighRun {
		t.highRun = 0
		t.kept = tick
		return nil
	}
	return t.takeHigh(q, tick)
}

// takeHigh returns a high task of q, at look tick, or nil.
func (t *turns) takeHigh(q *inject.Queue, tick uint32) *rt.Task {
	if !q.AnyHigh() {
		return nil
	}
	d, _ := q.PopLevel(rt.High)
	if d != nil {
		t.highRun++
		t.highTick = tick
	}
	return d
}

// takeLow returns a low task of q, or nil.
func (t *turns) takeLow(q *inject.Queue) *rt.Task {
	if !q.AnyLow() {
		return nil
	}
	d, _ := q.PopLevel(rt.Low)
	if d != nil {
		t.lowSkips = 0
	}
	return d
}

// takeOtherLow returns a low task of q to run in place of d, which would give way, if d is a low
// task itself. It returns nil if d is not low, because such a d must not wait behind low tasks.
func (t *turns) takeOtherLow(q *inject.Queue, d *rt.Task) *rt.Task {
	if !q.AnyRanked() || d.Status().Level() != rt.Low {
		return nil
	}
	return t.takeLow(q)
}

// outranked reports whether the task d, which runs since look tick, must give way to a high task of
// q before its quantum is over. A task that the look kept has found is not outranked.
func (t *turns) outranked(q *inject.Queue, tick uint32, d *rt.Task) bool {
	return q.AnyHigh() && t.kept != tick && d.Status().Level() != rt.High
}

// takeRanked returns a high or low task if its level has the turn. pick calls it if there are any.
func (w *worker) takeRanked() *rt.Task {
	if w.s.inj.Directed() {
		return (*directed)(w).direct()
	}
	return w.turns.take(&w.s.inj, w.tick)
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
	return w.turns.takeLow(&w.s.inj)
}
