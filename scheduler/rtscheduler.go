package scheduler

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// An rtScheduler is a scheduler as its tasks and package task see it. Its methods are not for
// users, so they are not methods of Scheduler.
type rtScheduler Scheduler

var _ rt.Scheduler = (*rtScheduler)(nil)

func init() {
	rt.SchedulerOf = func(on any) (rt.Scheduler, bool) {
		s, ok := on.(*Scheduler)
		if !ok {
			return nil, false
		}
		s.check()
		return (*rtScheduler)(s), true
	}
}

func (r *rtScheduler) of() *Scheduler { return (*Scheduler)(r) }

// Inject implements rt.Scheduler.
func (r *rtScheduler) Inject(d *rt.Task) { r.of().inject(d) }

// InjectAll implements rt.Scheduler.
func (r *rtScheduler) InjectAll(ds []*rt.Task) { r.of().injectAll(ds) }

// Handles implements rt.Scheduler.
func (r *rtScheduler) Handles() bool { return r.of().handles() }

// Admit implements rt.Scheduler.
func (r *rtScheduler) Admit(waitCtx context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	return r.of().request(waitCtx, fn, x)
}

// Block implements rt.Scheduler.
func (r *rtScheduler) Block(j rt.Job) { r.of().block.Give(j) }

// Assist implements rt.Scheduler.
func (r *rtScheduler) Assist(f func()) { r.of().block.Assist(f) }

// Launch implements rt.Scheduler.
func (r *rtScheduler) Launch(fn any) { r.of().launch(fn) }

// Timers implements rt.Scheduler.
func (r *rtScheduler) Timers() rt.Timers { return &r.timers }

// Waking implements rt.Scheduler.
func (r *rtScheduler) Waking(by rt.Waker) rt.Waking { return r.of().waking(by) }

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
