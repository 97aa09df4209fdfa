package engine

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// launch starts fn as a task on behalf of a timer. It does nothing if all tasks have ended and none
// can come. After Shutdown launch still starts tasks, like a task of the scheduler and unlike a
// submission from outside, because a task may wait for what fn does.
func (s *Scheduler) launch(fn any) {
	if s.enterLate() {
		var x *rt.Extra
		if s.looks != 0 {
			x = noteSubmit(s.looks, nil)
		}
		d, _ := s.newTask(fn, x)
		s.inject(d)
	}
}

// GoAfter does what scheduler.Scheduler.GoAfter says.
func (s *Scheduler) GoAfter(d time.Duration, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if fn == nil {
		panic("scheduler: GoAfter with a nil function")
	}
	x, ok := s.enterDelayed(opts)
	if !ok {
		return refused(task.ErrClosed)
	}
	when := rt.After(s.timers.Now(), d)
	t := &rt.Timer{Fresh: true}
	return s.delay(fn, x, t, when, func() { s.timers.Disarm(t) })
}

// enterDelayed is enter for a task that waits for its time, and returns the task's extension. It
// calls the methods of users' contexts first, because they may panic.
func (s *Scheduler) enterDelayed(opts []task.Option) (x *rt.Extra, ok bool) {
	x = delayedExtra(opts)
	if s.looks != 0 {
		x = noteSubmit(s.looks, x)
	}
	s.cohorts.Hold(x)
	if !s.enter() {
		x.Drop()
		return nil, false
	}
	return x, true
}

// delayedExtra returns an extension for opts. It has a Deadline even if opts give none, because
// delay sets the Deadline's OnEnd.
func delayedExtra(opts []task.Option) *rt.Extra {
	var none context.Context
	x := extraOf(none, opts)
	if x == nil {
		x = &rt.Extra{}
	}
	if x.Deadline == nil {
		x.Deadline = &rt.Deadline{}
	}
	return x
}

// delay makes a task that has not started and waits for timer t, which fires at when. onEnd is
// called when the task has ended, and must disarm t.
//
// The party that ends the task and the caller, which arms the timer, take these steps:
//
//	ends (Cancel, Close, a deadline)       delays
//	Delay-D1  the task has ended: Finish    Delay-A1  arm t
//	Delay-D2  disarm t                      Delay-A2  look at the task; if it has ended, disarm t
//
// Either Delay-D2 finds t armed, or Delay-A2 sees Delay-D1. So no timer stays behind.
func (s *Scheduler) delay(fn any, x *rt.Extra, t *rt.Timer, when int64, onEnd func()) task.Task {
	x.Deadline.OnEnd = onEnd
	d, gen := s.newTask(fn, x)
	h := handleOf(d, gen)
	t.Task, t.Gen = d, gen
	if !d.CommitPark(rt.WaitTimer.Park(rt.ForWake)) {
		s.inject(d) // cancelled already, by Close or by a deadline that has passed
		return h
	}
	// As in commit: either Close finds the task Waiting, or the phase is set by now.
	if s.phase.Load() >= phaseClosed {
		if _, queue := d.Cancel(gen, rt.Closed); queue {
			s.inject(d)
		}
		return h
	}
	s.timers.Arm(t, when)
	if !d.Status().Live(gen) {
		s.timers.Disarm(t)
	}
	return h
}

// A periodic is the task of one GoEvery. Until its first run it waits without a stack, as a task of
// GoAfter does. Between two runs it is parked.
//
//	Shutdown                               periodic, between runs
//	Periodic-S1  set the phase             Periodic-P1  arm the timer
//	Periodic-S2  disarm the timer; if      Periodic-P2  look at the phase; if it is past
//	             that succeeds, wake                    open, disarm the timer, and if
//	             the task                               that succeeds, end
//
// Either Periodic-P2 sees Periodic-S1, or Periodic-S2 finds the timer armed. If both hold, at most
// one of Periodic-P2 and Periodic-S2 succeeds in disarming the timer. If Periodic-S2 does, or if
// neither does because the timer has fired, then a wake-up is on its way, and the task takes it.
type periodic struct {
	s     *Scheduler
	fn    func(c *task.Ctx)
	start int64
	every int64
	timer rt.Timer
}

// periodics are the periodic tasks that have not ended.
type periodics struct {
	mu  sync.Mutex
	all map[*periodic]struct{}
}

func (ps *periodics) add(p *periodic) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	if ps.all == nil {
		ps.all = make(map[*periodic]struct{})
	}
	ps.all[p] = struct{}{}
}

func (ps *periodics) remove(p *periodic) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	delete(ps.all, p)
}

// end ends the periodic tasks that are between two runs, because no further run may begin.
func (ps *periodics) end() {
	ps.mu.Lock()
	all := slices.Collect(maps.Keys(ps.all))
	ps.mu.Unlock()
	for _, p := range all {
		p.end() // (Periodic-S2)
	}
}

// GoEvery does what scheduler.Scheduler.GoEvery says.
func (s *Scheduler) GoEvery(d time.Duration, fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if fn == nil {
		panic("scheduler: GoEvery with a nil function")
	}
	if d <= 0 {
		panic(fmt.Sprintf("scheduler: GoEvery(%v): want a duration above 0", d))
	}
	x, ok := s.enterDelayed(opts)
	if !ok {
		return refused(task.ErrClosed)
	}
	p := &periodic{s: s, fn: fn, start: s.timers.Now(), every: int64(d)}
	p.timer.Fresh = true
	s.periodic.add(p)
	h := s.delay(p.run, x, &p.timer, rt.After(p.start, d), p.onEnd)
	if s.phase.Load() != phaseOpen {
		p.end() // (Periodic-P2)
	}
	return h
}

// onEnd is called when the task has ended.
func (p *periodic) onEnd() {
	p.s.periodic.remove(p)
	p.s.timers.Disarm(&p.timer)
}

// run is the task's function.
func (p *periodic) run(c *task.Ctx) {
	d := (*rt.Life)(c).Task()
	p.timer.Fresh = false
	for p.s.phase.Load() == phaseOpen && !d.Status().Cancelled() {
		if pe := p.call(c); pe != nil {
			d.EndOpenCalls() // what fn forked and, by the panic, did not join
			workerOf(d).handlePanic(c.Task(), pe)
		}
		if !p.wait(d) {
			break
		}
	}
	if p.s.phase.Load() == phaseClosed {
		// Close will cancel the task, but may not have come to it yet. No run follows because of
		// Close, so the task ends as one that Close has cancelled.
		_, late := d.Close()
		late.Run()
	}
}

// call calls fn. If there is a handler for panics, it recovers and returns a panic of fn. Without a
// handler, the panic passes through call. A Goexit passes through in either case.
func (p *periodic) call(c *task.Ctx) (pe *task.PanicError) {
	if p.s.cfg.OnPanic == nil {
		p.fn(c)
		return nil
	}
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		var ok bool
		if pe, ok = v.(*task.PanicError); !ok {
			pe = &task.PanicError{Value: v, Stack: debug.Stack()}
		}
	}()
	p.fn(c)
	return nil
}

// wait parks the task until the next instant. It returns false if there must be no further run.
func (p *periodic) wait(d *rt.Task) bool {
	if d.Status().Cancelled() {
		return false
	}
	q := &p.s.timers
	k := (q.Now() - p.start) / p.every
	if p.armWhileOpen(rt.After(p.start, time.Duration(k+1)*time.Duration(p.every))) {
		d.Host().Park(d, rt.WaitTimer.Park(rt.ForWake))
		if d.Woken() {
			return true
		}
	}
	// The task was cancelled, or the scheduler was shut down.
	if !q.Disarm(&p.timer) {
		d.AwaitWakeFor(rt.WaitTimer)
	}
	return false
}

// armWhileOpen arms the task's timer (Periodic-P1), and reports whether the scheduler was open
// after that (Periodic-P2).
func (p *periodic) armWhileOpen(when int64) bool {
	p.s.timers.Arm(&p.timer, when)
	return p.s.phase.Load() == phaseOpen
}

// end ends the task if it is between two runs.
func (p *periodic) end() {
	if !p.s.timers.Disarm(&p.timer) {
		return
	}
	// By disarming the timer, end has claimed its wake-up.
	if d := p.timer.Fire(0); d != nil {
		p.s.inject(d)
	}
}
