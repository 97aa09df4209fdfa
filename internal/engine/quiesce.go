package engine

import (
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/task"
)

// waits is the state of the calls of Scheduler.Wait. The calls that wait at the same time make a
// round, and wait for one completion.
//
//	Wait                              the last worker to sleep, and other callers of quiesce
//	Wait-A1  enter; set any           Wait-Q1  lower live, announce
//	Wait-A2  look whether no task     Wait-Q2  load any; if it is set, look whether no task
//	         is left                           is left
//
// Either Wait-A2 sees what Wait-Q1 did, or Wait-Q2 sees Wait-A1.
type waits struct {
	any atomicx.Bool // there is a round; written under mu
	mu  sync.Mutex
	on  *task.Completion[struct{}] // the present round waits for it; nil: there is no round
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

// take ends the present round if no task is left, and returns the round's completion, which the
// caller completes. Otherwise it returns nil. idle reports whether no task is left. take calls idle
// under mu. So if a goroutine submits a task and then calls Wait, either idle sees the task, or
// that Wait joins the next round.
func (q *waits) take(idle func() bool) *task.Completion[struct{}] {
	q.mu.Lock()
	defer q.mu.Unlock()
	on := q.on
	if on == nil || !idle() {
		return nil
	}
	q.on = nil
	q.any.Store(false)
	return on
}
