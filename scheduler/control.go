package scheduler

import (
	"context"
	"fmt"
	"time"
)

// Pause stops all tasks of the scheduler, and returns nil when none runs any more. From then until
// [Scheduler.Resume], no task of the scheduler runs. The scheduler still accepts and queues
// submissions, timers expire, and functions of [task.Ctx.Blocking] continue. Pause parks the caller
// if that is a task of another scheduler, and blocks it if it is a goroutine.
//
// Each running task goes on to its next yield point. After that at most a few dozen other tasks
// have a turn on the same worker before it stops.
//
// If ctx ends first, Pause returns its cause, and the tasks go on, unless an earlier call has
// paused them. Pausing a paused scheduler has no further effect, so one Resume ends the pause. If
// Resume comes before the tasks have stopped, Pause returns an error. Shutdown and Close end a
// pause, and a Pause that still waits then returns [task.ErrClosed].
//
// Two schedulers must not be paused by each other's tasks. Each of the two tasks would be parked on
// workers that the other task has stopped. Even the end of its context would not let it go on,
// until a third party calls Resume. So pause schedulers from one place outside of them.
func (s *Scheduler) Pause(ctx context.Context) error {
	return s.engine().Pause(ctx)
}

// Resume ends a pause, so that the tasks run again. If the scheduler is not paused, Resume does
// nothing. Any goroutine or task may call it. It does not wait.
func (s *Scheduler) Resume() {
	s.engine().Resume()
}

// Workers returns the number of workers that New or the last [Scheduler.Resize] has set.
func (s *Scheduler) Workers() int {
	return s.engine().Workers()
}

// Resize changes the number of workers to n, 1 to [MaxWorkers]. If n is outside of this range it
// returns an error, and if the scheduler is closed, [task.ErrClosed]. Any goroutine or task may
// call it at any time. It does not wait: new workers start at once, and each worker that is to
// leave runs its present task up to the next yield point, gives its queued tasks to the others, and
// then gives up its thread.
func (s *Scheduler) Resize(n int) error {
	e := s.engine()
	if n < 1 || n > MaxWorkers {
		return fmt.Errorf("scheduler: Resize(%d): want 1 to %d", n, MaxWorkers)
	}
	return e.Resize(n)
}

// SetQuantum changes the quantum that [WithQuantum] has set. Tasks notice it at their next yield
// point. It returns an error if d is not from [MinQuantum] to [MaxQuantum]. Any goroutine or task
// may call it at any time. It does not wait.
func (s *Scheduler) SetQuantum(d time.Duration) error {
	e := s.engine()
	if err := checkQuantum("SetQuantum", d); err != nil {
		return err
	}
	e.SetQuantum(d)
	return nil
}

// SetStallAfter changes the time that [WithStallAfter] has set; 0 turns reports off. It returns an
// error if d is negative. Any goroutine or task may call it at any time. It does not wait.
func (s *Scheduler) SetStallAfter(d time.Duration) error {
	e := s.engine()
	if err := checkStall("SetStallAfter", d); err != nil {
		return err
	}
	e.SetStallAfter(d)
	return nil
}
