package engine

import (
	"context"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/inject"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// An intake makes tasks and queues them in the injector.
type intake struct {
	// These do not change after New.
	crew      *crew
	clock     *clock
	shared    *rt.Shared
	measuring *measuring // nil without scheduler.WithLatencies and scheduler.WithObserver

	_       cpu.CacheLinePad
	inj     inject.Queue
	_       cpu.CacheLinePad
	cohorts rt.Cohorts // tasks under contexts
	_       cpu.CacheLinePad
}

// enter counts a task that is submitted from outside as live, and reports whether the scheduler
// accepts it (Block-B1 in internal/inject/doc.go). If not, it takes the count back and notes the
// refusal.
//
// enter counts before it looks at the phase. Shutdown and Close set the phase before they look at
// the count. So either enter refuses the task, or Shutdown and Close wait for it.
func (s *Scheduler) enter() bool {
	s.live.Add(1)
	if s.phase.Load() == phaseOpen {
		return true
	}
	s.exit()
	s.overflows.closed.Add(1)
	s.measuring.observeRefusal(task.ErrClosed)
	return false
}

// admit makes and queues the task of a submission that enter has counted and for which the caller
// has taken room.
func (i *intake) admit(fn any, x *rt.Extra) (*rt.Task, uint32) {
	d, gen := i.prepare(fn, x)
	i.measuring.stamp(d, i.clock)
	i.inj.Accept(d)  // (Sleep-P1)
	i.crew.wakeOne() // (Sleep-P2, Sleep-P3)
	return d, gen
}

// injectOutside queues d, which the caller has just made runnable. The caller runs on no worker of
// the scheduler.
func (i *intake) injectOutside(d *rt.Task) {
	i.measuring.stamp(d, i.clock)
	i.inj.Push(d)    // (Sleep-P1)
	i.crew.wakeOne() // (Sleep-P2, Sleep-P3)
}

// newTask makes a task that the caller has counted as live, and counts it as accepted, too. It does
// not queue the task. worker.newTask is for tasks that start on a worker. inject.Queue.Submit,
// admit and awaitRoom are for submissions. newTask is for all others: tasks that a timer starts,
// tasks that a task submits beyond the limit, and the calls that sysmon moves from behind a hog.
func (i *intake) newTask(fn any, x *rt.Extra) (*rt.Task, uint32) {
	i.inj.Count(1)
	return i.prepare(fn, x)
}

// prepare makes a task. It neither queues it nor counts it as accepted.
func (i *intake) prepare(fn any, x *rt.Extra) (*rt.Task, uint32) {
	d := i.inj.New(x)
	d.Start(fn, x) // before Attach, which may cancel this life at once
	gen := d.Gen()
	if x != nil {
		i.cohorts.Attach(x, d, gen)
	}
	return d, gen
}

// issue is queues.issue for callers that are on no worker. The task is counted already.
func (i *intake) issue(x *rt.Draft) *rt.Task {
	d, _ := i.prepare(x, nil)
	return d
}

// enterOutside begins an operation under ctx that a task of this scheduler must not call, because
// the task would wait for itself. For such a task, or a handler, it returns the error onTask.
func (s *Scheduler) enterOutside(ctx context.Context, onTask error) error {
	d, err := wait.Enter(ctx, rt.OfCtx(ctx))
	if d == nil && s.handlers.runCaller() || d != nil && d.Shared() == &s.shared {
		return onTask
	}
	return err
}
