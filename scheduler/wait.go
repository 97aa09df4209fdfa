package scheduler

import (
	"context"
	"errors"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/task"
)

// waits are the calls of Scheduler.Wait.
//
//	Wait                               the last worker to sleep, and others who call quiesce
//	A1 enter; set any                  Q1 lower live, announce
//	A2 look whether no task is left    Q2 load any; if it is set, look whether no task is left
//
// Either A2 sees what Q1 did, or Q2 sees A1.
type waits struct {
	any atomicx.Bool // written under mu: there is a round
	mu  sync.Mutex
	on  *task.Completion[struct{}] // what all who have come since the last end wait for
}

var errWaitOnTask = errors.New("scheduler: Wait called from inside a task of this scheduler, or a function of its Ctx.Blocking, would wait for its caller: use a task.Group, or Task.Wait")

// Wait waits, parking a task of another scheduler or blocking the goroutine, until the scheduler has no
// task: all that were submitted have ended, those that they have started too, and the functions of their
// blocking calls have returned. It returns nil then; the scheduler stays open. If ctx ends first, it returns the
// cause. While others submit, Wait may return between two submissions, or go on waiting.
//
// Tasks that wait, for a timer or for ever, have not ended, and periodic ones never do. For a part of
// the tasks, use a [task.Group].
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

// take returns what the calls of Wait so far wait for, if none reports that there is no task, or nil. That is looked at under mu: who has
// submitted a task and then called Wait has either counted it before, or is not among those calls.
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
