package engine

import (
	"context"
	"errors"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

var errWaitOnTask = errors.New("scheduler: Wait called from inside a task of this scheduler, or a function of its Ctx.Blocking, would wait for its caller: use a task.Group, or Task.Wait")

// Wait does what scheduler.Scheduler.Wait says.
func (s *Scheduler) Wait(ctx context.Context) error {
	if err := s.enterOutside(ctx, errWaitOnTask); err != nil {
		return err
	}
	if s.offload.Running() > 0 && caller() == inCall {
		return errWaitOnTask
	}
	on := s.waits.join()
	if s.isQuiet() {
		return nil
	}
	s.quiesce() // (Wait-A2)
	_, err := on.WaitContext(ctx)
	return err
}

var errShutdownOnTask = errors.New("scheduler: Shutdown called from inside a task, or a function of Ctx.Blocking, would wait for its caller: call it from a goroutine of its own, or call Close")

// Shutdown does what scheduler.Scheduler.Shutdown says. If ctx ends first, it returns what failed
// makes of the tasks that have not ended and the cause of ctx.
func (s *Scheduler) Shutdown(ctx context.Context, failed func(unfinished []task.Task, cause error) error) error {
	if ctx == nil {
		panic("scheduler: Shutdown with a nil context: pass context.Background(), or one with a deadline")
	}
	if onTask() {
		return errShutdownOnTask
	}
	s.drain()
	if s.isQuiet() {
		s.end()
		return nil
	}
	select {
	case <-s.quiet:
		s.end()
		return nil
	case <-ctx.Done():
		return failed(s.unfinished(), context.Cause(ctx))
	}
}

// drain begins Shutdown: submissions from outside are refused from here on.
func (s *Scheduler) drain() {
	s.phase.CompareAndSwap(phaseOpen, phaseDraining)
	s.endPause(task.ErrClosed)
	s.periodic.end()
	s.inj.Refuse()
	s.quiesce()
}

// Close does what scheduler.Scheduler.Close says.
func (s *Scheduler) Close() {
	if s.phase.Swap(phaseClosed) != phaseClosed { // (Renewal-C1)
		s.inj.Refuse()
		for d := range s.taskPool.All() {
			queue, late := d.Close() // (Renewal-C2)
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
		return
	}
	<-s.quiet
	s.end()
}

// end ends the workers, the blockers and sysmon, and waits until nothing of the scheduler is left.
// The caller has seen that quiet is closed.
func (s *Scheduler) end() {
	s.finish.Do(func() {
		s.phase.Store(phaseClosed)
		s.quitWorkers()
		s.offload.End()
		s.pool.done.Wait()
		s.offload.Wait()
		if s.dir == nil { // a directed scheduler's monitor has not started
			s.mon.Stop()
			s.sysmon.endSurvey()
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
func (c *crew) quitWorkers() {
	c.pool.mu.Lock() // so that Resize does not start another one afterwards
	c.pool.quit.Store(true)
	c.pool.mu.Unlock()
	c.wakeAll()
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
