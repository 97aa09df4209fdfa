package scheduler

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// An admission is the part of the injector that a limit needs. The injector's mutex guards it.
//
// n counts the submissions that wait for their start, and the room that was promised to those that are
// being prepared. Who submits raises it, by reserve; who takes a submission from the queue lowers it, by started. While submitters
// are blocked there is no room: what a worker frees goes to the first of them at once, and the worker itself queues that
// one's task. So the queue stays full even if the blocked goroutines are slow to run, and nobody overtakes them.
//
// A blocked submission is in the list until somebody takes it out, under the mutex, and that decides what becomes of it:
//
//	submitter                              worker, Shutdown, who cancels the task
//	B1 count it as live; look at the       K1 Shutdown and Close set the phase
//	   phase (enter)                       K2 under the mutex: take it, or all, out of the list;
//	B2 under the mutex: look at the           a worker queues its task
//	   phase again; if there is no room,   K3 wake the submitter
//	   enter the list
//	B3 wait
//
// Either B2 comes before K2, which then finds it; or K1 comes before B2, and the phase is seen there. A worker's K2
// needs no such care, since it only follows from a submission before it in the queue, and every one of those is taken
// from there some time. As B1 counts, the scheduler is not quiet before the submitter has either been queued, and
// run, or taken its count back.
type admission struct {
	limit   int
	policy  QueuePolicy
	wake    func(b *blocked) // K3, for workers
	n       int
	waiting [3]fifo // by level
	turn    bool    // see takeNew
	list    list.List[blocked]

	rejected, dropped, delayed, abandoned atomicx.Uint64 // for Stats; added to by submitters
}

// reserve takes room for one more submission, if there is any.
func (a *admission) reserve() bool {
	if a.n >= a.limit || a.list.First != nil {
		return false
	}
	a.n++
	return true
}

// takeNew reports whether a submission is to be taken from the queue before a task that was woken: every other time.
func (a *admission) takeNew() bool {
	a.turn = !a.turn
	return a.turn
}

// oldest takes the oldest submission of the lowest level out of the queue, if that is not above l.
func (q *injector) oldest(l rt.Level) *rt.Task {
	for _, at := range [...]rt.Level{rt.Low, rt.Normal, rt.High} {
		if d := q.adm.waiting[at].pop(); d != nil {
			q.count(at, -1)
			return d
		}
		if at == l {
			break
		}
	}
	return nil
}

// started notes that a submission was taken from the queue to be run. It passes the room on, and returns the submissions that
// were let in; they have to be woken (K3) without the mutex.
func (q *injector) started() (let list.Stack[blocked]) {
	a := q.adm
	a.n--
	for a.n < a.limit {
		b := a.list.Pop()
		if b == nil {
			break
		}
		a.n++
		b.let = true
		q.accept(b.d)
		let.Push(b)
	}
	return let
}

// A blocked is a submission that waits for room. Its submitter owns the task until somebody takes it out of the list.
type blocked struct {
	list.Links[blocked] // under the mutex
	wait.Waiter
	q *injector
	d *rt.Task

	let       bool // it has been queued, by the worker that took it out. Written before the wake-up
	withdrawn bool // its submitter has taken it out
}

// Withdraw implements wait.Withdrawer.
func (b *blocked) Withdraw() bool {
	if !b.takeOut() {
		return false
	}
	b.withdrawn = true
	return true
}

// abandon ends the wait, because the task was cancelled.
func (b *blocked) abandon() {
	if b.takeOut() { // (K2)
		b.Wake(nil) // (K3)
	}
}

// takeOut takes b out of the list, if it is there.
func (b *blocked) takeOut() bool {
	b.q.mu.Lock()
	defer b.q.mu.Unlock()
	return b.Leave()
}

// enter counts a task that is submitted from outside, and reports whether it is accepted. It panics
// if s was not made by New.
//
// It counts before it looks at the phase. Shutdown and Close set the phase before they look at the
// count. So either the task is refused or they wait for it.
func (s *Scheduler) enter() bool {
	s.live.Add(1)
	if s.phase.Load() == phaseOpen {
		return true
	}
	s.check()
	s.exit()
	return false
}

// exit takes back enter.
func (s *Scheduler) exit() {
	s.live.Add(-1)
	s.quiesce()
}

// request submits a task from outside, which may have to wait for room: the way in for goroutines. The methods of users'
// contexts that it calls may panic. Then nothing has been submitted.
func (s *Scheduler) request(by context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	if x == nil || x.Parents == nil {
		return s.enterRequest(by, fn, x)
	}
	s.cohorts.Hold(x)
	submitted := false
	defer func() {
		if !submitted {
			x.Drop()
		}
	}()
	d, gen, err := s.enterRequest(by, fn, x)
	submitted = err == nil
	return d, gen, err
}

// enterRequest is request when the contexts of x are held.
func (s *Scheduler) enterRequest(by context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	if !s.enter() {
		return nil, 0, task.ErrClosed
	}
	q := &s.inj
	q.mu.Lock()
	if q.adm != nil && !q.adm.reserve() {
		q.mu.Unlock()
		return s.overflow(by, fn, x)
	}
	if x != nil && x.Parents != nil {
		q.mu.Unlock()
		d, gen := s.admit(fn, x)
		return d, gen, nil
	}
	d := q.freeTasks.Take(&s.taskPool, x)
	d.Start(fn, x)
	gen := d.Gen()
	q.accept(d) // (P1)
	q.mu.Unlock()
	s.wakeOne() // (P2, P3)
	return d, gen, nil
}

// admit queues a submission that has been counted and reserved room.
func (s *Scheduler) admit(fn any, x *rt.Extra) (*rt.Task, uint32) {
	d, gen := s.prepare(fn, x)
	q := &s.inj
	q.mu.Lock()
	q.accept(d) // (P1)
	q.mu.Unlock()
	s.wakeOne() // (P2, P3)
	return d, gen
}

// prepare makes a task that is not queued.
func (s *Scheduler) prepare(fn any, x *rt.Extra) (*rt.Task, uint32) {
	q := &s.inj
	q.mu.Lock()
	d := q.freeTasks.Take(&s.taskPool, x)
	q.mu.Unlock()
	// Attach may cancel at once, so the descriptor must be alive.
	d.Start(fn, x)
	gen := d.Gen()
	if x != nil {
		s.cohorts.Attach(x, d, gen)
	}
	return d, gen
}

// overflow is request for a submission that has been counted and finds no room.
func (s *Scheduler) overflow(by context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	q := &s.inj
	c, inside := s.submitter()
	if inside {
		d, gen := s.prepare(fn, x)
		q.mu.Lock()
		q.accepted.Store(q.accepted.Load() + 1)
		q.append(d) // (P1)
		q.mu.Unlock()
		s.wakeOne() // (P2, P3)
		return d, gen, nil
	}
	switch q.adm.policy {
	case Reject:
		return s.reject()
	case DropOldest:
		return s.displace(fn, x)
	case CallerRuns:
		q.mu.Lock()
		q.adm.n++
		q.mu.Unlock()
		q.adm.delayed.Add(1)
		d, gen := s.admit(fn, x)
		s.awaitEnd(by, c, handleOf(d, gen), x)
		return d, gen, nil
	default:
		return s.awaitRoom(by, c, fn, x)
	}
}

// submitter finds the caller of a submission: inside says that it is a task of s, or one of its handlers, which must not wait; otherwise c is
// the task of another scheduler that it is, or nil for a goroutine.
func (s *Scheduler) submitter() (c *task.Ctx, inside bool) {
	c, ok := task.Current()
	if ok {
		return c, (*rt.Task)(c).Shared() == &s.home
	}
	return nil, s.handles()
}

func (s *Scheduler) reject() (*rt.Task, uint32, error) {
	s.inj.adm.rejected.Add(1)
	s.exit()
	return nil, 0, task.ErrQueueFull
}

// displace is overflow for DropOldest.
func (s *Scheduler) displace(fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	l := rt.Normal
	if x != nil {
		l = x.Level
	}
	q := &s.inj
	a := q.adm
	var victim *rt.Task
	q.mu.Lock()
	if !a.reserve() {
		if victim = q.oldest(l); victim == nil {
			if a.waiting[rt.High].n+a.waiting[rt.Normal].n > 0 {
				q.mu.Unlock()
				return s.reject()
			}
			// All the room is promised to submissions that will come into the queue in a moment.
			a.n++
		}
	}
	q.mu.Unlock()
	if victim != nil {
		a.dropped.Add(1)
		handleOf(victim, victim.Gen()).CancelCause(task.ErrQueueFull)
		s.endUnrun(victim)
		s.exit()
	}
	d, gen := s.admit(fn, x)
	return d, gen, nil
}

// endUnrun ends a cancelled task that is in no queue and has not started. Who calls it is not on a worker.
func (s *Scheduler) endUnrun(d *rt.Task) {
	waiters, _ := d.Finish(rt.Skipped) // cancelled, so the descriptor is not used again
	if x := d.Extra(); x != nil {
		x.Release()
		x.CloseDone()
	}
	rt.WakeAll(waiters, nil)
}

// awaitEnd makes a submitter wait until its task has ended (CallerRuns). The task is accepted by now, and has x. So a method of a user's
// context that panics ends the wait as the context's end would, and the panic is dropped.
func (s *Scheduler) awaitEnd(by context.Context, c *task.Ctx, t task.Task, x *rt.Extra) {
	if by == nil && (x == nil || x.Parents == nil) {
		if c != nil {
			_ = t.WaitContext(c)
		} else {
			_ = t.Wait()
		}
		return
	}
	defer func() { _ = recover() }()
	if by != nil {
		_ = t.WaitContext(by)
		return
	}
	by = x.Parents.Context
	if _ = t.WaitContext(by); by.Err() != nil {
		t.CancelCause(context.Cause(by)) // as it is bound to be in a moment: it is under by
	}
}

// awaitRoom is overflow for Block. c is the task that waits, if the submitter is one.
func (s *Scheduler) awaitRoom(by context.Context, c *task.Ctx, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	q := &s.inj
	a := q.adm
	if by != nil {
		if cause := s.causeOrExit(by); cause != nil {
			a.abandoned.Add(1)
			s.exit()
			return nil, 0, cause
		}
	}
	d, gen := s.prepare(fn, x)
	b := &blocked{q: q, d: d}
	until := by
	if until == nil {
		until = context.Background()
		if c != nil {
			until = c
		}
	}
	b.Prepare(until, (*rt.Task)(c))

	if x != nil {
		// Whatever cancels the task ends the wait: either this finds the submission in the list, or the cancellation is
		// seen below (B2), before it enters. It is set up here since the task is not ours any more once it is queued.
		// It is not context.AfterFunc, which may come before the cancellation.
		if stop, ok := d.AfterDone(b.abandon); ok {
			defer stop()
		}
	}

	q.mu.Lock()
	switch {
	case s.phase.Load() != phaseOpen || d.Status().Cancelled(): // (B2)
		q.mu.Unlock()
		return s.giveUp(b, gen, nil)
	case a.reserve():
		q.accept(d) // (P1)
		q.mu.Unlock()
		s.wakeOne() // (P2, P3)
		return d, gen, nil
	}
	a.list.Push(b)
	q.mu.Unlock()

	a.delayed.Add(1)
	err := s.waitIn(b, gen) // (B3)
	switch {
	case b.let:
		return d, gen, nil
	case err != nil && by == nil: // it was the Ctx of a submitting task, which is a parent too
		handleOf(d, gen).CancelCause(err)
		err = nil
	}
	return s.giveUp(b, gen, err)
}

// causeOrExit returns the cause of by, or nil if it has not ended, for a submission that has been counted. If by
// panics, it takes the count back.
func (s *Scheduler) causeOrExit(by context.Context) (cause error) {
	known := false
	defer func() {
		if !known {
			s.exit()
		}
	}()
	if by.Err() != nil {
		cause = context.Cause(by)
	}
	known = true
	return cause
}

// waitIn waits until b is taken out of the list, or the context of its submitter ends. If a method of that panics, the
// submission ends unless a worker has queued it.
func (s *Scheduler) waitIn(b *blocked, gen uint32) error {
	waited := false
	defer func() {
		switch {
		case waited:
		case b.withdrawn, b.takeOut():
			_, _, _ = s.giveUp(b, gen, context.Canceled)
		default:
			b.WaitWoken() // it has been taken out: a wake-up comes
			if !b.let {
				_, _, _ = s.giveUp(b, gen, nil)
			}
		}
	}()
	err := b.WaitIn(b)
	waited = true
	return err
}

// giveUp ends a submission that has not been queued: for the error err, which is the submitter's and which it returns;
// or since the task is cancelled; or since the scheduler is not open any more.
func (s *Scheduler) giveUp(b *blocked, gen uint32, err error) (*rt.Task, uint32, error) {
	d := b.d
	if err != nil {
		d.SetFn(nil) // whom the task would have belonged to learns it from the error
	}
	d.Cancel(gen, rt.Closed) // unless it is cancelled already
	if err != nil || d.Cause(nil, task.ErrClosed) != task.ErrClosed {
		s.inj.adm.abandoned.Add(1)
	}
	s.endUnrun(d)
	s.exit()
	if err != nil {
		return nil, 0, err
	}
	return d, gen, nil
}

// wakeBlocked tells a submitter that a worker has queued its task.
func (s *Scheduler) wakeBlocked(b *blocked) {
	b.WakeOwed(&s.home)
	s.wakeOne() // (P2, P3), for what was queued
}

// refuseBlocked ends the waits of all blocked submitters. Called when the phase is past open (K1).
func (s *Scheduler) refuseBlocked() {
	q := &s.inj
	if q.adm == nil {
		return
	}
	q.mu.Lock()
	all := q.adm.list.TakeAll() // (K2)
	q.mu.Unlock()
	for b := all.Take(); b != nil; b = all.Take() {
		b.Wake(nil) // (K3)
	}
}
