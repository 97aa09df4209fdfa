package scheduler

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Go submits fn and returns the task's handle. It does not wait for the task. Any goroutine or task
// may call it. In a task prefer [task.Ctx.Go], which queues on the task's own worker.
//
// After Shutdown or Close, fn does not run and the handle's Err is [task.ErrClosed].
// [WithQueueLimit] says what Go does if the queue has a limit and is full.
func (s *Scheduler) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if s == nil {
		panic(nilScheduler) // enter panics for the zero Scheduler
	}
	if fn == nil {
		panic("scheduler: Go with a nil function")
	}
	var none context.Context
	return s.submit(fn, extraOf(none, opts))
}

// GoContext is Go with the option [task.Parent]. The end of ctx cancels the task with the cause of
// ctx, and the task's Ctx has the deadline, values and profiler labels of ctx. If ctx has ended
// already, fn does not run.
func (s *Scheduler) GoContext(ctx context.Context, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	s.check()
	if ctx == nil {
		panic("scheduler: GoContext with a nil context: use Go, or context.Background()")
	}
	if fn == nil {
		panic("scheduler: GoContext with a nil function")
	}
	return s.submit(fn, extraOf(ctx, opts))
}

func (s *Scheduler) submit(fn any, x *rt.Extra) task.Task {
	var waitCtx context.Context // none
	d, gen, err := s.request(waitCtx, fn, x)
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
		x = s.submitted(x)
	}
	if x != nil && x.Parents != nil {
		return s.requestUnder(waitCtx, fn, x)
	}
	if !s.enter() {
		return nil, 0, task.ErrClosed
	}
	if s.look != nil {
		return s.requestMarked(waitCtx, fn, x)
	}
	d, gen, ok := s.inj.Submit(fn, x) // (Sleep-P1)
	if !ok {
		return s.overflow(waitCtx, fn, x)
	}
	s.wakeOne() // (Sleep-P2, Sleep-P3)
	return d, gen, nil
}

// requestMarked is the rest of request if tasks are measured or observed.
func (s *Scheduler) requestMarked(waitCtx context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	if !s.inj.Reserve() {
		return s.overflow(waitCtx, fn, x)
	}
	d, gen := s.admit(fn, x)
	return d, gen, nil
}

// requestUnder is request for a task under contexts.
func (s *Scheduler) requestUnder(waitCtx context.Context, fn any, x *rt.Extra) (d *rt.Task, gen uint32, err error) {
	s.cohorts.Hold(x)
	submitted := false
	defer func() {
		if !submitted {
			x.Drop()
		}
	}()
	switch {
	case !s.enter():
		err = task.ErrClosed
	case s.inj.Reserve():
		d, gen = s.admit(fn, x)
	default:
		d, gen, err = s.overflow(waitCtx, fn, x)
	}
	submitted = err == nil
	return d, gen, err
}

// enter counts a task that is submitted from outside as live, and reports whether the scheduler
// accepts it (B1 in internal/inject/doc.go). If not, it takes the count back and notes the refusal.
// It panics if New did not make s.
//
// enter counts before it looks at the phase. Shutdown and Close set the phase before they look at
// the count. So either enter refuses the task, or Shutdown and Close wait for it.
func (s *Scheduler) enter() bool {
	s.live.Add(1)
	if s.phase.Load() == phaseOpen {
		return true
	}
	s.check()
	s.exit()
	s.refuse(task.ErrClosed)
	return false
}

// exit takes back the count of enter, or that of a blocking call, which has finished.
func (s *Scheduler) exit() {
	s.live.Add(-1)
	s.quiesce()
}

// admit makes and queues the task of a submission that enter has counted and for which the caller
// has taken room.
func (s *Scheduler) admit(fn any, x *rt.Extra) (*rt.Task, uint32) {
	d, gen := s.prepare(fn, x)
	s.stamp(d)
	s.inj.Accept(d) // (Sleep-P1)
	s.wakeOne()     // (Sleep-P2, Sleep-P3)
	return d, gen
}

// newTask makes a task that the caller has counted as live, and counts it as accepted, too. It does
// not queue the task. worker.newTask is for tasks that start on a worker. inject.Queue.Submit,
// admit and awaitRoom are for submissions. newTask is for all others: tasks that a timer starts,
// tasks that a task submits beyond the limit, and the calls that sysmon moves from behind a hog.
func (s *Scheduler) newTask(fn any, x *rt.Extra) (*rt.Task, uint32) {
	s.inj.Count(1)
	return s.prepare(fn, x)
}

// prepare makes a task. It neither queues it nor counts it as accepted.
func (s *Scheduler) prepare(fn any, x *rt.Extra) (*rt.Task, uint32) {
	d := s.inj.New(x)
	d.Start(fn, x) // before Attach, which may cancel this life at once
	gen := d.Gen()
	if x != nil {
		s.cohorts.Attach(x, d, gen)
	}
	return d, gen
}
