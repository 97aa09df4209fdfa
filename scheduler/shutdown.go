package scheduler

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

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

var errShutdownOnTask = errors.New("scheduler: Shutdown called from inside a task, or a function of Ctx.Blocking, would wait for its caller: call it from a goroutine of its own, or call Close")

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
	s.check()
	if ctx == nil {
		panic("scheduler: Shutdown with a nil context: pass context.Background(), or one with a deadline")
	}
	if onTask() {
		return errShutdownOnTask
	}
	s.drain()
	select {
	case <-s.quiet:
		s.end()
		return nil
	default:
	}
	select {
	case <-s.quiet:
		s.end()
		return nil
	case <-ctx.Done():
		return &RunningError{Tasks: s.unfinished(), Cause: context.Cause(ctx)}
	}
}

// drain begins Shutdown: submissions from outside are refused from here on.
func (s *Scheduler) drain() {
	s.phase.CompareAndSwap(phaseOpen, phaseDraining)
	s.endPause(task.ErrClosed)
	s.endPeriodic()
	s.inj.Refuse()
	s.quiesce()
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
	s.check()
	if s.phase.Swap(phaseClosed) != phaseClosed {
		s.inj.Refuse()
		for d := range s.taskPool.All() {
			queue, late := d.Close()
			if queue {
				s.inject(d)
			}
			late.Aside(&s.shared, nil)
		}
		s.endPause(task.ErrClosed)
		s.quiesce()
		if onTask() {
			go func() {
				<-s.quiet
				s.end()
			}()
		}
	}
	if onTask() {
		return nil
	}
	<-s.quiet
	s.end()
	return nil
}

// quiesce checks whether no task is left. That is so if all workers sleep, and live, which is exact
// then, is 0. If so, it ends the present calls of Wait. If the phase is past open, too, no further
// task can come, and quiesce closes quiet. It is called after each event that may be the last one
// that was missing: a worker went to sleep or left, a submission was taken back, a blocking call
// ended, the phase changed, Wait was called.
func (s *Scheduler) quiesce() {
	open := s.phase.Load() == phaseOpen
	if s.live.Load() != 0 || open && !s.waits.any.Load() {
		return
	}
	var ended *task.Completion[struct{}]
	s.idle.IfAllAsleep(func() {
		// All workers have flushed, and no worker wakes while the set is locked.
		none := func() bool { return s.live.Load() == 0 }
		if !open && none() {
			select {
			case <-s.quiet:
			default:
				close(s.quiet)
			}
		}
		ended = s.waits.take(func() bool {
			select {
			case <-s.quiet:
				return true
			default:
				return none()
			}
		}) // a Wait that comes later sees that quiet is closed
	})
	if ended != nil {
		ended.Complete(struct{}{}, nil) // may wake a worker
	}
}

// end ends the workers, the blockers and sysmon, and waits until nothing of the scheduler is left.
// The caller has seen that quiet is closed.
func (s *Scheduler) end() {
	s.finish.Do(func() {
		s.phase.Store(phaseClosed)
		s.quitWorkers()
		s.block.End()
		s.done.Wait()
		s.block.Wait()
		if s.dir == nil { // a directed scheduler's monitor has not started
			s.mon.Stop()
			s.endSurvey()
		}
		s.timers.Close()
		for _, w := range s.workers() {
			rt.ReleaseIndex(w.Index)
		}
		s.fiberPool.EndAll()
		if s.looks&rt.LookWaits != 0 {
			rt.Watch(-1)
		}
		close(s.closed)
		if rt.AtEnd != nil {
			rt.AtEnd(rt.Balance{Stranded: s.stranded.Load(), Live: s.live.Load, ReadyGoroutines: s.shared.ReadyGoroutines.Load})
		}
	})
	<-s.closed
}

// quitWorkers tells the workers to end.
func (s *Scheduler) quitWorkers() {
	s.pool.mu.Lock() // so that Resize does not start another one afterwards
	s.quit.Store(true)
	s.pool.mu.Unlock()
	s.wakeAll()
}

// unfinished returns the tasks that have not ended.
func (s *Scheduler) unfinished() (ts []task.Task) {
	for d := range s.taskPool.All() {
		if st := d.Status(); st.InUse() {
			ts = append(ts, handleOf(d, d.Gen()))
		}
	}
	return ts
}
