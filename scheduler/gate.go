package scheduler

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A gate is a scheduler as its tasks and package task see it. Its methods are not for users, so
// they are not methods of Scheduler.
type gate Scheduler

var _ rt.Scheduler = (*gate)(nil)

func init() {
	rt.SchedulerOf = func(on any) (rt.Scheduler, bool) {
		s, ok := on.(*Scheduler)
		if !ok {
			return nil, false
		}
		s.check()
		return (*gate)(s), true
	}
}

func (g *gate) of() *Scheduler { return (*Scheduler)(g) }

// Inject implements rt.Scheduler.
func (g *gate) Inject(d *rt.Task) { g.of().inject(d) }

// Handles implements rt.Scheduler.
func (g *gate) Handles() bool { return g.of().handles() }

// Admit implements rt.Scheduler.
func (g *gate) Admit(waitCtx context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	return g.of().request(waitCtx, fn, x)
}

// Block implements rt.Scheduler.
func (g *gate) Block(j rt.Job) { g.of().block.Give(j) }

// Assist implements rt.Scheduler.
func (g *gate) Assist(f func()) { g.of().block.Assist(f) }

// Launch implements rt.Scheduler.
func (g *gate) Launch(fn any) { g.of().launch(fn) }

// Timers implements rt.Scheduler.
func (g *gate) Timers() rt.Timers { return &g.timers }

// Waking implements rt.Scheduler.
func (g *gate) Waking(by rt.Waker) rt.Waking { return g.of().waking(by) }

// handleOf returns the handle of the task that d serves in life gen.
func handleOf(d *rt.Task, gen uint32) task.Task { return task.Task(rt.HandleOf(d, gen)) }

// refused returns the handle of a task that was not accepted, for the reason err.
func refused(err error) task.Task { return task.Task(rt.Tasks.Refused(err)) }

// extraOf returns the extension that the options of a submission ask for, or nil. A parent that is
// not nil counts as the option task.Parent.
func extraOf(parent context.Context, opts []task.Option) *rt.Extra {
	if parent == nil && len(opts) == 0 {
		return nil
	}
	return rt.Tasks.Extra(parent, opts)
}
