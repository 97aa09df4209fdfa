package schedtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
)

// Faults says which faults may come in a schedule. Faults are a part of the schedule, besides the
// order of the tasks: Run searches, shrinks and replays them as it does the order. The zero Faults
// allows none. Each field but Most allows one kind of fault.
type Faults struct {
	// Most is how many faults, of all kinds together, may come in one schedule. 0 means 1.
	Most int

	// Cancel has the names ([task.Name]) of tasks that may be cancelled, at any yield point of any
	// task. The body's name is main.
	Cancel []string

	// Delay is how long a fault may hold up a task that has waited and could go on. Other tasks and
	// timers then come before that task.
	Delay time.Duration

	// Jump is how far the clock may jump ahead at any yield point, as it does after a machine was
	// suspended.
	Jump time.Duration

	// QueueFull lets submissions by Scheduler.Go and GoContext fail with [task.ErrQueueFull].
	QueueFull bool
}

// rarely is how rare faults are in the modes that leave them to chance: where a fault may come, it
// comes once in rarely times.
const rarely = 24

// check panics if a field is out of its range.
func (f *Faults) check() {
	for name, d := range map[string]time.Duration{"Delay": f.Delay, "Jump": f.Jump} {
		if d < 0 {
			panic(fmt.Sprintf("schedtest: Config.Faults.%s is %v: want 0 (none) or more", name, d))
		}
	}
	if f.Most < 0 {
		panic(fmt.Sprintf("schedtest: Config.Faults.Most is %d: want 1 or more, or 0 for 1", f.Most))
	}
	if f.Most == 0 && f.any() {
		f.Most = 1
	}
}

// any reports whether f allows any kind of fault.
func (f *Faults) any() bool { return len(f.Cancel) > 0 || f.Delay > 0 || f.Jump > 0 || f.QueueFull }

// strikes decides whether a fault comes now.
func (x *execution) strikes() bool {
	if x.suffered >= x.faults.Most || x.over.Load() {
		return false
	}
	k, diverged := 0, ""
	if x.chance == nil {
		k, diverged = x.strategy.Pick(2, x.steps)
	} else if x.chance.IntN(rarely) == 0 {
		k = 1
	}
	if diverged != "" {
		x.failed(notDeterministic, diverged)
		return false
	}
	x.note(2, k)
	x.suffered += k
	return k != 0
}

// A mishap is a fault that may come at a yield point.
type mishap struct {
	what   string
	fault  rt.Fault
	cancel *taskInfo
}

// Fault implements rt.Director.
func (x *execution) Fault(running *rt.Task, ready []*rt.Task) rt.Fault {
	if x.suffered >= x.faults.Most {
		return rt.Fault{}
	}
	if running != nil {
		x.info(running)
	}
	for _, d := range ready {
		x.info(d) // gives d a number
	}
	ms := x.mishaps(ready)
	if len(ms) == 0 || !x.strikes() {
		return rt.Fault{}
	}
	m := ms[x.Pick(len(ms))]
	if x.traced {
		x.trace = append(x.trace, step{task: "(fault)", id: faultColumn, what: m.what})
	}
	if i := m.cancel; i != nil {
		rt.HandleOf(i.d, i.gen).Cancel(context.Canceled, nil)
	}
	return m.fault
}

// faultColumn is the id of a fault in a report's table. It is larger than any task's number, so the
// column of faults is the last.
const faultColumn = 1 << 30

// mishaps returns the faults that may come now. The schedule determines their order.
func (x *execution) mishaps(ready []*rt.Task) (ms []mishap) {
	f := &x.faults
	if len(f.Cancel) > 0 {
		for _, i := range x.tasks {
			if s := i.d.Status(); slices.Contains(f.Cancel, i.name) && s.Live(i.gen) && !s.Cancelled() {
				ms = append(ms, mishap{what: "cancels " + i.title(), cancel: i, fault: rt.Fault{Again: true}})
			}
		}
	}
	if f.Delay > 0 {
		for at, d := range ready {
			if d.Fib() != nil {
				ms = append(ms, mishap{
					what:  fmt.Sprintf("holds %s for %v", x.info(d).title(), f.Delay),
					fault: rt.Fault{Hold: true, Index: at, For: f.Delay},
				})
			}
		}
		slices.SortFunc(ms, func(a, b mishap) int { return x.number(a, ready) - x.number(b, ready) })
	}
	if f.Jump > 0 {
		ms = append(ms, mishap{
			what:  fmt.Sprintf("time jumps by %v", f.Jump),
			fault: rt.Fault{Jump: true, For: f.Jump},
		})
	}
	return ms
}

// number returns a number by which mishaps sorts m. Cancellations come first, and then the tasks
// that can be held, both in the order of the tasks' numbers.
func (x *execution) number(m mishap, ready []*rt.Task) int {
	if m.cancel != nil {
		return m.cancel.id - faultColumn
	}
	return x.info(ready[m.fault.Index]).id
}

// Refuse implements rt.Director.
func (x *execution) Refuse() bool {
	if !x.faults.QueueFull || x.sched == nil || len(x.tasks) == 0 || !x.strikes() {
		return false
	}
	if x.traced {
		x.trace = append(x.trace, step{task: "(fault)", id: faultColumn, what: "queue full"})
	}
	return true
}
