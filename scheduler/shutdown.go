package scheduler

import (
	"context"
	"fmt"
	"strings"

	"github.com/heddle-go/heddle/task"
)

// Wait waits until the scheduler has no task, and then returns nil: all submitted tasks have ended,
// so have the tasks that they started, and the functions of their blocking calls have returned. The
// scheduler stays open. If ctx ends first, Wait returns the cause. Wait parks the caller if that is
// a task of another scheduler, and blocks it if it is a goroutine. A task of this scheduler gets an
// error.
//
// If other goroutines keep submitting, Wait may return between two submissions, or keep waiting. A
// task that waits, for a timer or for ever, has not ended, and a periodic task never ends. To wait
// for some of the tasks, use a [task.Group].
func (s *Scheduler) Wait(ctx context.Context) error {
	return s.engine().Wait(ctx)
}

// Shutdown finishes the accepted tasks. From now on the scheduler refuses submissions from outside.
// Shutdown waits until all tasks have ended, also those that other tasks start meanwhile, and then
// ends the workers. It blocks the calling goroutine.
//
// If ctx ends first, Shutdown returns a [*RunningError] with the tasks that have not ended. These
// go on. Call Shutdown again to wait longer, or Close to cancel them; Close then waits for them
// without a limit. A program that cannot wait for them exits without calling Close.
//
// In a task, or in a function of [task.Ctx.Blocking], Shutdown would wait for its caller. There it
// returns an error and changes nothing.
func (s *Scheduler) Shutdown(ctx context.Context) error {
	return s.engine().Shutdown(ctx, func(unfinished []task.Task, cause error) error {
		return &RunningError{Tasks: unfinished, Cause: cause}
	})
}

// Close ends the scheduler. It cancels all tasks with [task.ErrClosed]: tasks that wait under their
// own Ctx wake, tasks that have not started never do, and running tasks are asked to end. Close
// waits until their functions have returned, and then ends the workers. Afterwards nothing of the
// scheduler is left. Close blocks the calling goroutine. To finish the accepted tasks, call
// Shutdown first.
//
// The wait has no limit. A task keeps Close waiting if it ignores its cancellation, waits under a
// context that is not derived from its Ctx, or waits in an operation without a context, such as
// Lock of a tsync.Mutex or Wait of a tsync.Cond. If a program has to end in time, it should call
// Shutdown with a deadline, and if that fails, exit without Close.
//
// Any goroutine or task may call Close, at any time and more than once. In a task of any scheduler,
// or in a function of its [task.Ctx.Blocking], Close does not wait; the scheduler ends when that
// task or function has ended. Close always returns nil. It implements io.Closer.
func (s *Scheduler) Close() error {
	s.engine().Close()
	return nil
}

// RunningError is returned by [Scheduler.Shutdown] when its context ends first.
type RunningError struct {
	Tasks []task.Task // the tasks that had not ended
	Cause error       // the cause of the context
}

// Error returns the cause, the number of tasks and the first few of them.
func (e *RunningError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "scheduler: Shutdown: %v with %d tasks not ended", e.Cause, len(e.Tasks))
	writeFirst(&b, e.Tasks)
	return b.String()
}

// writeFirst writes the first few of some tasks.
func writeFirst(b *strings.Builder, ts []task.Task) {
	const most = 5
	for i, t := range ts {
		if i == most {
			b.WriteString(", ...")
			break
		}
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString(t.String())
	}
}

// Unwrap returns the cause.
func (e *RunningError) Unwrap() error { return e.Cause }
