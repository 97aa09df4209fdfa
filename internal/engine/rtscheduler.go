package engine

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// An rtScheduler is a scheduler as its tasks and package task see it. Its methods are not for
// users, so they are not methods of Scheduler.
type rtScheduler Scheduler

var _ rt.Scheduler = (*rtScheduler)(nil)

// RT returns s as package task sees it.
func (s *Scheduler) RT() rt.Scheduler { return (*rtScheduler)(s) }

func (r *rtScheduler) of() *Scheduler { return (*Scheduler)(r) }

// Inject implements rt.Scheduler.
func (r *rtScheduler) Inject(d *rt.Task) { r.of().inject(d) }

// InjectAll implements rt.Scheduler.
func (r *rtScheduler) InjectAll(ds []*rt.Task) { r.of().injectAll(ds) }

// Handles implements rt.Scheduler.
func (r *rtScheduler) Handles() bool { return r.of().handlers.runCaller() }

// Admit implements rt.Scheduler.
func (r *rtScheduler) Admit(waitCtx context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	return r.of().request(waitCtx, fn, x)
}

// Block implements rt.Scheduler.
func (r *rtScheduler) Block(j rt.Job) { r.of().offload.Give(j) }

// Assist implements rt.Scheduler.
func (r *rtScheduler) Assist(f func()) { r.of().offload.Assist(f) }

// Launch implements rt.Scheduler.
func (r *rtScheduler) Launch(fn any) { r.of().launch(fn) }

// Timers implements rt.Scheduler.
func (r *rtScheduler) Timers() rt.Timers { return &r.timers }

// Waking implements rt.Scheduler.
func (r *rtScheduler) Waking(by rt.Waker) rt.Waking { return r.of().waking(by) }
