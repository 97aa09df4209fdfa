package engine

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Go does what scheduler.Scheduler.Go says.
func (s *Scheduler) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if fn == nil {
		panic("scheduler: Go with a nil function")
	}
	var none context.Context
	d, gen, err := s.request(none, fn, extraOf(none, opts))
	if err != nil {
		return refused(err)
	}
	return handleOf(d, gen)
}

// GoContext does what scheduler.Scheduler.GoContext says.
func (s *Scheduler) GoContext(ctx context.Context, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if ctx == nil {
		panic("scheduler: GoContext with a nil context: use Go, or context.Background()")
	}
	if fn == nil {
		panic("scheduler: GoContext with a nil function")
	}
	var none context.Context // the end of ctx does not end the wait for room
	d, gen, err := s.request(none, fn, extraOf(ctx, opts))
	if err != nil {
		return refused(err)
	}
	return handleOf(d, gen)
}

// request submits a task from outside, on behalf of a task or a goroutine. It may wait for room in
// the queue. If waitCtx is not nil, its end ends the wait. request calls methods of users'
// contexts. If one of them panics, so does request, and nothing has been submitted.
func (s *Scheduler) request(waitCtx context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	if s.looks != 0 {
		x = noteSubmit(s.looks, x)
	}
	if x != nil && x.Parents != nil {
		return submission{s, waitCtx, fn, x}.requestUnder()
	}
	if !s.enter() {
		return nil, 0, task.ErrClosed
	}
	if s.measuring != nil {
		return submission{s, waitCtx, fn, x}.requestMeasured()
	}
	d, gen, ok := s.inj.Submit(fn, x) // (Sleep-P1)
	if !ok {
		return submission{s, waitCtx, fn, x}.overflow()
	}
	s.wakeOne() // (Sleep-P2, Sleep-P3)
	return d, gen, nil
}

// requestMeasured is the rest of request if tasks are measured or observed.
func (r submission) requestMeasured() (*rt.Task, uint32, error) {
	if !r.s.inj.Reserve() {
		return r.overflow()
	}
	d, gen := r.s.admit(r.fn, r.x)
	return d, gen, nil
}

// requestUnder is request for a task under contexts.
func (r submission) requestUnder() (d *rt.Task, gen uint32, err error) {
	s := r.s
	s.cohorts.Hold(r.x)
	submitted := false
	defer func() {
		if !submitted {
			r.x.Drop()
		}
	}()
	switch {
	case !s.enter():
		err = task.ErrClosed
	case s.inj.Reserve():
		d, gen = s.admit(r.fn, r.x)
	default:
		d, gen, err = r.overflow()
	}
	submitted = err == nil
	return d, gen, err
}
