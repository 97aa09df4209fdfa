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

// A submission is a task that comes from outside and takes another way than the short one of
// request.
type submission struct {
	s       *Scheduler
	waitCtx context.Context // nil, or its end ends the wait for room
	fn      any
	x       *rt.Extra
}

// overflow is the rest of request for a submission that enter has counted and that has found no
// room.
func (r submission) overflow() (*rt.Task, uint32, error) {
	s := r.s
	if s.dir != nil {
		return r.overflowDirected()
	}
	c, inside := s.submitter()
	if inside {
		d, gen := s.newTask(r.fn, r.x)
		s.measuring.stamp(d, &s.clock)
		s.inj.Push(d) // (Sleep-P1)
		s.wakeOne()   // (Sleep-P2, Sleep-P3)
		return d, gen, nil
	}
	switch s.cfg.Policy {
	case Reject:
		return r.reject()
	case DropOldest:
		return r.dropOldest()
	case CallerRuns:
		s.inj.Overfill()
		s.overflows.delayed.Add(1)
		d, gen := s.admit(r.fn, r.x)
		r.awaitEnd(c, handleOf(d, gen))
		return d, gen, nil
	default:
		return r.awaitRoom(c)
	}
}

// overflowDirected is overflow for a directed scheduler. Each submission comes here, because the
// queue never has room (inject.Queue.Direct). The director decides whether the queue counts as
// full. The user's limit plays no part, because it would not apply to submissions by the
// scheduler's own tasks.
func (r submission) overflowDirected() (*rt.Task, uint32, error) {
	if r.s.dir.Refuse() {
		return r.reject()
	}
	r.s.inj.Overfill()
	d, gen := r.s.admit(r.fn, r.x)
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

func (r submission) reject() (*rt.Task, uint32, error) {
	r.s.overflows.rejected.Add(1)
	r.s.exit()
	r.s.measuring.observeRefusal(task.ErrQueueFull)
	return nil, 0, task.ErrQueueFull
}

// dropOldest is overflow for DropOldest.
func (r submission) dropOldest() (*rt.Task, uint32, error) {
	s, l := r.s, rt.Normal
	if r.x != nil {
		l = r.x.Level
	}
	victim, ok := s.inj.DropOldest(l)
	if !ok {
		return r.reject()
	}
	if victim != nil {
		s.overflows.dropped.Add(1)
		handleOf(victim, victim.Gen()).CancelCause(task.ErrQueueFull)
		s.endUnrun(victim)
		s.exit()
	}
	d, gen := s.admit(r.fn, r.x)
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

// awaitEnd makes a submitter wait until its task t has ended (CallerRuns). Because the scheduler
// has accepted t, awaitEnd must not panic. So if a method of a user's context panics, awaitEnd
// drops the panic and returns.
func (r submission) awaitEnd(c *task.Ctx, t task.Task) {
	waitCtx, x := r.waitCtx, r.x
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
func (r submission) awaitRoom(c *task.Ctx) (*rt.Task, uint32, error) {
	s, waitCtx := r.s, r.waitCtx
	if waitCtx != nil {
		if cause := r.causeOrExit(); cause != nil {
			s.overflows.abandoned.Add(1)
			s.exit()
			s.measuring.observeRefusal(cause)
			return nil, 0, cause
		}
	}
	d, gen := s.prepare(r.fn, r.x)
	s.measuring.stamp(d, &s.clock) // here, so that a measured wait includes the wait for room
	b := s.inj.NewBlocked(d)
	until := waitCtx
	if until == nil {
		until = context.Background()
		if c != nil {
			until = c
		}
	}
	b.Prepare(until, (*rt.Life)(c).Task())

	if r.x != nil {
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
		return r.endUnqueued(b, gen, nil)
	case inject.Queued:
		s.wakeOne() // (Sleep-P2, Sleep-P3)
		return d, gen, nil
	}

	s.overflows.delayed.Add(1)
	err := r.waitIn(b, gen) // (Block-B3)
	switch {
	case b.Let():
		return d, gen, nil
	case err != nil && waitCtx == nil: // the Ctx of the submitting task has ended
		handleOf(d, gen).CancelCause(err)
		err = nil
	}
	return r.endUnqueued(b, gen, err)
}

// causeOrExit returns the cause of waitCtx, or nil if waitCtx has not ended. If a method of waitCtx
// panics, causeOrExit takes back the count of enter for the submission.
func (r submission) causeOrExit() (cause error) {
	known := false
	defer func() {
		if !known {
			r.s.exit()
		}
	}()
	if r.waitCtx.Err() != nil {
		cause = context.Cause(r.waitCtx)
	}
	known = true
	return cause
}

// waitIn waits until b is taken out of the list, or the context of its submitter ends. If a method
// of that context panics, so does waitIn, after it has ended the submission. If a worker has queued
// the task by then, the task stays queued.
func (r submission) waitIn(b *inject.Blocked, gen uint32) error {
	waited := false
	defer func() {
		switch {
		case waited:
		case b.Retract():
			_, _, _ = r.endUnqueued(b, gen, context.Canceled)
		default:
			b.WaitWoken() // b has been taken out of the list, so a wake-up comes
			if !b.Let() {
				_, _, _ = r.endUnqueued(b, gen, nil)
			}
		}
	}()
	err := b.WaitIn(b)
	waited = true
	return err
}

// endUnqueued ends a submission that has not been queued. If err is not nil, the submitter gives up
// and endUnqueued returns err. Otherwise the task is cancelled, or the scheduler is no longer open.
func (r submission) endUnqueued(b *inject.Blocked, gen uint32, err error) (*rt.Task, uint32, error) {
	s, d := r.s, b.Task()
	if err != nil {
		d.SetFn(nil) // so that Finish calls no rt.Runner's Skip: the submitter gets the error
	}
	d.Cancel(gen, rt.Closed) // unless it is cancelled already
	if err != nil || d.Cause(nil, task.ErrClosed) != task.ErrClosed {
		s.overflows.abandoned.Add(1)
	} else {
		s.overflows.closed.Add(1)
	}
	s.endUnrun(d)
	s.exit()
	if err != nil {
		return nil, 0, err
	}
	return d, gen, nil
}

// wakeBlocked tells a submitter that a worker has queued its task.
func (i *intake) wakeBlocked(b *inject.Blocked) {
	b.WakeCounted(i.shared)
	i.crew.wakeOne() // (Sleep-P2, Sleep-P3), for what was queued
}
