package schedtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
)

// Faults are what may go wrong in a schedule besides. They are a part of it: searched, shrunk and
// replayed as the order of the tasks is. The zero Faults is none. A field says what kind of fault
// may come, and Most how many of all kinds may come in one schedule.
type Faults struct {
	// Most is 1 by default.
	Most int

	// Cancel has the names of tasks ([task.Name]) that may be cancelled, at any yield point of
	// any task. The body is main.
	Cancel []string

	// Delay is how long a task that could go on after it has waited may be held up, so that
	// others, and timers, come before it.
	Delay time.Duration

	// Jump is by how much the clock may jump ahead, at any yield point, as after the machine was
	// suspended.
	Jump time.Duration

	// QueueFull has submissions by scheduler.Go and GoContext refused with [task.ErrQueueFull].
	QueueFull bool
}

// rarely is one in how many yield points a fault comes at in the modes that leave it to chance.
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

// any reports whether there is any kind of fault.
func (f *Faults) any() bool { return len(f.Cancel) > 0 || f.Delay > 0 || f.Jump > 0 || f.QueueFull }

// strikes decides whether a fault of the schedule comes now.
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
		x.info(d) // numbers it
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

// faultColumn is the number of the column of faults.
const faultColumn = 1 << 30

// mishaps returns the faults that may come now, in an order that the schedule determines.
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

// number orders cancellations before the tasks that can be held, and those by their numbers.
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
