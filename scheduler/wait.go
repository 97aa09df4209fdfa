package scheduler

import (
	"context"
	"errors"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/task"
)

// waits is the state of the calls of Scheduler.Wait. The calls that wait at the same time make a
// round, and wait for one completion.
//
//	Wait                               the last worker to sleep, and other callers of quiesce
//	A1 enter; set any                  Q1 lower live, announce
//	A2 look whether no task is left    Q2 load any; if it is set, look whether no task is left
//
// Either A2 sees what Q1 did, or Q2 sees A1.
type waits struct {
	any atomicx.Bool // there is a round; written under mu
	mu  sync.Mutex
	on  *task.Completion[struct{}] // the present round waits for it; nil: there is no round
}

var errWaitOnTask = errors.New("scheduler: Wait called from inside a task of this scheduler, or a function of its Ctx.Blocking, would wait for its caller: use a task.Group, or Task.Wait")

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
	s.check()
	if err := s.enterOutside(ctx, errWaitOnTask); err != nil {
		return err
	}
	if s.block.Running() > 0 && caller() == inCall {
		return errWaitOnTask
	}
	q := &s.waits
	q.mu.Lock()
	if q.on == nil {
		q.on = new(task.Completion[struct{}])
		q.any.Store(true) // (A1)
	}
	on := q.on
	q.mu.Unlock()
	select {
	case <-s.quiet:
		return nil
	default:
	}
	s.quiesce() // (A2)
	_, err := on.WaitContext(ctx)
	return err
}

// take ends the present round, if none reports that there is no task, and returns the completion
// that the round waits for. Otherwise it returns nil. It calls none under mu. So if a goroutine
// submits a task and then calls Wait, either none sees that task, or the goroutine joins the next
// round.
func (q *waits) take(none func() bool) *task.Completion[struct{}] {
	q.mu.Lock()
	defer q.mu.Unlock()
	on := q.on
	if on == nil || !none() {
		return nil
	}
	q.on = nil
	q.any.Store(false)
	return on
}
