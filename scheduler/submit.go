package scheduler

import (
	"context"
	"time"

	"github.com/heddle-go/heddle/task"
)

// Go submits fn and returns the task's handle. It does not wait for the task. Any goroutine or task
// may call it. In a task prefer [task.Ctx.Go], which queues on the task's own worker.
//
// After Shutdown or Close, fn does not run and the handle's Err is [task.ErrClosed].
// [WithQueueLimit] says what Go does if the queue has a limit and is full.
func (s *Scheduler) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	return s.engine().Go(fn, opts...)
}

// GoContext is Go with the option [task.Parent]. The end of ctx cancels the task with the cause of
// ctx, and the task's Ctx has the deadline, values and profiler labels of ctx. If ctx has ended
// already, fn does not run.
func (s *Scheduler) GoContext(ctx context.Context, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	return s.engine().GoContext(ctx, fn, opts...)
}

// GoAfter submits fn to run when d has passed, or soon after. If d is not positive, fn runs at
// once. The task exists from now on, in state Waiting, so a program can wait for it, and can cancel
// it before it runs. Any goroutine or task may call GoAfter. It does not wait.
//
// The scheduler's clock ([WithClock]) measures the delay. A [task.Timeout] among opts counts from
// now. The scheduler has accepted a task that waits for its time, so Shutdown waits until the task
// has run, and Close cancels it. If GoAfter is called after Shutdown or Close, fn does not run and
// the handle's Err is [task.ErrClosed].
func (s *Scheduler) GoAfter(d time.Duration, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	return s.engine().GoAfter(d, fn, opts...)
}

// GoEvery submits fn to run again and again at a fixed rate: d, 2d, 3d and so on after now, or soon
// after these instants. One task makes all the calls, so runs never overlap. If a run takes longer
// than d, the instants up to its end are skipped, and the next run begins at the first instant
// after it. Between two runs the task is in state Waiting. The scheduler's clock ([WithClock])
// measures the time.
//
// The task ends when it is cancelled: at once between two runs, and during a run when fn returns,
// so fn should look at its Ctx. It also ends if fn calls runtime.Goexit. If fn panics, the
// scheduler calls the handler of [WithPanicHandler], and the task continues with its next run; a
// handler can cancel the task that it is given to prevent that. Without a handler, the panic ends
// the process. Shutdown lets the present run finish and starts no further one, which is no error.
// Close cancels the task.
//
// Any goroutine or task may call GoEvery. It does not wait. It panics if d is not positive.
func (s *Scheduler) GoEvery(d time.Duration, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	return s.engine().GoEvery(d, fn, opts...)
}
