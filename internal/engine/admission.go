package engine

import (
	"context"

	"github.com/heddle-go/heddle/internal/inject"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Admission: what happens to a submission from outside if the queue has no room. The queue policy
// decides. Package inject has the queue, the limit and the protocol of blocked submissions
// (Block-B1 to Block-B3, Block-K1 to Block-K3).

// overflow is the rest of request for a submission that enter has counted and that has found no
// room.
func (s *Scheduler) overflow(waitCtx context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	if s.dir != nil {
		return s.overflowDirected(fn, x)
	}
	c, inside := s.submitter()
	if inside {
		d, gen := s.newTask(fn, x)
		s.measuring.stamp(d, &s.clock)
		s.inj.Push(d) // (Sleep-P1)
		s.wakeOne()   // (Sleep-P2, Sleep-P3)
		return d, gen, nil
	}
	switch s.cfg.Policy {
	case Reject:
		return s.reject()
	case DropOldest:
		return s.displace(fn, x)
	case CallerRuns:
		s.inj.Overfill()
		s.over.delayed.Add(1)
		d, gen := s.admit(fn, x)
		s.awaitEnd(waitCtx, c, handleOf(d, gen), x)
		return d, gen, nil
	default:
		return s.awaitRoom(waitCtx, c, fn, x)
	}
}

// overflowDirected is overflow for a directed scheduler. Each submission comes here, because the
// queue never has room (inject.Queue.Direct). The director decides whether the queue counts as
// full. The user's limit plays no part, because it would not apply to submissions by the
// scheduler's own tasks.
func (s *Scheduler) overflowDirected(fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	if s.dir.Refuse() {
		return s.reject()
	}
	s.inj.Overfill()
	d, gen := s.admit(fn, x)
	rt.Choice()
	return d, gen, nil
}

// submitter finds the caller of a submission. If inside is true, the caller is a task or a handler
// of s, and must not wait. Otherwise c is the caller, if that is a task of another scheduler, or
// nil, if the caller is a goroutine.
func (s *Scheduler) submitter() (c *task.Ctx, inside bool) {
	c, ok := task.Current()
	if ok {
		return c, (*rt.Life)(c).Task().Shared() == &s.shared
	}
	return nil, s.handlers.runCaller()
}

func (s *Scheduler) reject() (*rt.Task, uint32, error) {
	s.over.rejected.Add(1)
	s.exit()
	s.measuring.observeRefusal(task.ErrQueueFull)
	return nil, 0, task.ErrQueueFull
}

// displace is overflow for DropOldest.
func (s *Scheduler) displace(fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	l := rt.Normal
	if x != nil {
		l = x.Level
	}
	victim, ok := s.inj.DropOldest(l)
	if !ok {
		return s.reject()
	}
	if victim != nil {
		s.over.dropped.Add(1)
		handleOf(victim, victim.Gen()).CancelCause(task.ErrQueueFull)
		s.endUnrun(victim)
		s.exit()
	}
	d, gen := s.admit(fn, x)
	return d, gen, nil
}

// endUnrun ends a cancelled task that is in no queue and has not started. The caller is on no
// worker.
func (s *Scheduler) endUnrun(d *rt.Task) {
	gen := d.Gen()
	waiters, _ := d.Finish(rt.Skipped) // cancelled, so the descriptor is not used again
	s.measuring.observeEnd(d, gen)
	if x := d.Extra(); x != nil {
		x.Release()
		x.CloseDone(nil).Aside(&s.shared, func() { rt.WakeAll(waiters, nil) })
		return
	}
	rt.WakeAll(waiters, nil)
}

// awaitEnd makes a submitter wait until its task t has ended (CallerRuns). x is the extension of t.
// Because the scheduler has accepted t, awaitEnd must not panic. So if a method of a user's context
// panics, awaitEnd drops the panic and returns.
func (s *Scheduler) awaitEnd(waitCtx context.Context, c *task.Ctx, t task.Task, x *rt.Extra) {
	if waitCtx == nil && (x == nil || x.Parents == nil) {
		if c != nil {
			_ = t.WaitContext(c)
		} else {
			_ = t.Wait()
		}
		return
	}
	defer func() { _ = recover() }()
	if waitCtx != nil {
		_ = t.WaitContext(waitCtx)
		return
	}
	waitCtx = x.Parents.Context
	if _ = t.WaitContext(waitCtx); waitCtx.Err() != nil {
		t.CancelCause(context.Cause(waitCtx)) // waitCtx would do that soon, because t is under it
	}
}

// awaitRoom is overflow for Block. c is the task that waits, if the submitter is one.
func (s *Scheduler) awaitRoom(waitCtx context.Context, c *task.Ctx, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	if waitCtx != nil {
		if cause := s.causeOrExit(waitCtx); cause != nil {
			s.over.abandoned.Add(1)
			s.exit()
			s.measuring.observeRefusal(cause)
			return nil, 0, cause
		}
	}
	d, gen := s.prepare(fn, x)
	s.measuring.stamp(d, &s.clock) // here, so that a measured wait in the queue includes the wait for room
	b := s.inj.NewBlocked(d)
	until := waitCtx
	if until == nil {
		until = context.Background()
		if c != nil {
			until = c
		}
	}
	b.Prepare(until, (*rt.Life)(c).Task())

	if x != nil {
		// Each cancellation of the task ends the wait: either Abandon finds the submission in the
		// list, or Block-B2 below sees the cancellation and does not enter the list. AfterDone is
		// called before Block-B2, because a queued task no longer belongs to the submitter.
		// context.AfterFunc would not do, because its function may run before the task is
		// cancelled.
		if stop, ok := d.Life().AfterDone(func(*rt.Late) { b.Abandon() }); ok {
			defer stop()
		}
	}

	refused := func() bool { return s.phase.Load() != phaseOpen || d.Status().Cancelled() }
	switch s.inj.Block(b, refused) { // (Block-B2)
	case inject.Refused:
		return s.endUnqueued(b, gen, nil)
	case inject.Queued:
		s.wakeOne() // (Sleep-P2, Sleep-P3)
		return d, gen, nil
	}

	s.over.delayed.Add(1)
	err := s.waitIn(b, gen) // (Block-B3)
	switch {
	case b.Let():
		return d, gen, nil
	case err != nil && waitCtx == nil: // the Ctx of the submitting task has ended
		handleOf(d, gen).CancelCause(err)
		err = nil
	}
	return s.endUnqueued(b, gen, err)
}

// causeOrExit returns the cause of waitCtx, or nil if waitCtx has not ended. If a method of waitCtx
// panics, causeOrExit takes back the count of enter for the submission.
func (s *Scheduler) causeOrExit(waitCtx context.Context) (cause error) {
	known := false
	defer func() {
		if !known {
			s.exit()
		}
	}()
	if waitCtx.Err() != nil {
		cause = context.Cause(waitCtx)
	}
	known = true
	return cause
}

// waitIn waits until b is taken out of the list, or the context of its submitter ends. If a method
// of that context panics, so does waitIn, after it has ended the submission. If a worker has queued
// the task by then, the task stays queued.
func (s *Scheduler) waitIn(b *inject.Blocked, gen uint32) error {
	waited := false
	defer func() {
		switch {
		case waited:
		case b.Retract():
			_, _, _ = s.endUnqueued(b, gen, context.Canceled)
		default:
			b.WaitWoken() // b has been taken out of the list, so a wake-up comes
			if !b.Let() {
				_, _, _ = s.endUnqueued(b, gen, nil)
			}
		}
	}()
	err := b.WaitIn(b)
	waited = true
	return err
}

// endUnqueued ends a submission that has not been queued. If err is not nil, the submitter gives up
// and endUnqueued returns err. Otherwise the task is cancelled, or the scheduler is no longer open.
func (s *Scheduler) endUnqueued(b *inject.Blocked, gen uint32, err error) (*rt.Task, uint32, error) {
	d := b.Task()
	if err != nil {
		d.SetFn(nil) // so that Finish calls no rt.Runner's Skip: the submitter gets the error
	}
	d.Cancel(gen, rt.Closed) // unless it is cancelled already
	if err != nil || d.Cause(nil, task.ErrClosed) != task.ErrClosed {
		s.over.abandoned.Add(1)
	} else {
		s.over.closed.Add(1)
	}
	s.endUnrun(d)
	s.exit()
	if err != nil {
		return nil, 0, err
	}
	return d, gen, nil
}

// wakeBlocked tells a submitter that a worker has queued its task.
func (s *Scheduler) wakeBlocked(b *inject.Blocked) {
	b.WakeCounted(&s.shared)
	s.wakeOne() // (Sleep-P2, Sleep-P3), for what was queued
}
