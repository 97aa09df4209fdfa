package task

import (
	"context"
	"errors"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A launched is the function of a task that belongs to a group or a future. It is kept in the descriptor, which saves the closure,
// and by which the task is recognised.
type launched interface {
	rt.Runner
	// skip is Skip when there never was a task.
	skip(cause error)
}

// A launcher starts tasks for a group or a future.
type launcher struct {
	sched rt.Scheduler // or, of a Starter from elsewhere,
	on    Starter
}

func launcherOf(who string, on Starter) launcher {
	switch on := on.(type) {
	case nil:
		panic(nilStarter(who))
	case *Ctx:
		if on == nil {
			panic(nilStarter(who))
		}
		return launcher{sched: on.record().Shared().Sched}
	}
	if sched, ok := rt.SchedulerOf(on); ok {
		return launcher{sched: sched}
	}
	return launcher{on: on}
}

func nilStarter(who string) string {
	return "task: " + who + " with a nil Starter: pass a scheduler, or a task's Ctx"
}

// none reports whether l was not made by launcherOf.
func (l *launcher) none() bool { return l.sched == nil && l.on == nil }

// start starts h's task on the worker of c, if that is a task of the same scheduler, and otherwise from outside, where it
// may wait for room in the queue until by ends. It returns an error if the scheduler refuses. x is what opts and the parent
// context come to, or nil.
func (l *launcher) start(by context.Context, c *Ctx, h launched, x *rt.Extra, opts []Option) (Task, error) {
	if l.on != nil {
		return l.startForeign(h, x, opts)
	}
	if c != nil && c.record().Shared().Sched == l.sched {
		d, gen := c.record().Host().Spawn(h, x)
		if d == nil {
			return closedTask, ErrClosed
		}
		return handle(d, gen), nil
	}
	d, gen, err := l.sched.Admit(by, h, x)
	if err != nil {
		return refused(err), err
	}
	return handle(d, gen), nil
}

// startForeign starts h's task by a Starter, which may put it under a context of its own. A goroutine
// watches over such a task, to see if it never runs.
func (l *launcher) startForeign(h launched, x *rt.Extra, opts []Option) (Task, error) {
	ran := new(atomicx.Bool)
	started := false
	defer func() {
		if !started && ran.CompareAndSwap(false, true) { // Go has panicked: from now on it is too late to call the function
			h.skip(errStarterPanicked)
		}
	}()
	t := l.on.Go(func(c *Ctx) {
		if !ran.CompareAndSwap(false, true) {
			return // the Starter has called it before
		}
		f := &foreign{Context: context.Background(), h: h}
		if x != nil && x.Owner != nil {
			f.Context = x.Owner
		}
		c.record().Escape()
		c.record().NeedExtra().Owner = f
		defer func() { f.h = nil }() // it may serve another task, and the Starter's function go on
		h.Run(c.record())
	}, opts...)
	started = true
	if t == closedTask || t == fullTask {
		return t, t.Err()
	}
	go func() {
		if err := t.Wait(); !ran.Load() {
			h.skip(err)
		}
	}()
	return t, nil
}

var errStarterPanicked = errors.New("task: Go of the Starter panicked and has not called the function")

// A foreign is the parent context of a task that a Starter from elsewhere has started: by this the task is recognised, since
// its function is the Starter's.
type foreign struct {
	context.Context
	h launched // nil after it has run. The task's own
}

// String returns the name of the context.
func (f *foreign) String() string { return nameOf(f.Context) }

// launchedOf returns what was started as the running task c, or as the task of which that is a stolen call, or nil.
func launchedOf(c *Ctx) any {
	d := c.record()
	for {
		f, stolen := d.Fn().(*rt.Frame)
		if !stolen {
			break
		}
		d = f.Parent // which waits for the call, or will
	}
	if d.Fn() == nil { // a function, which has started
		if x := d.Extra(); x != nil {
			if f, ok := x.Owner.(*foreign); ok {
				return f.h
			}
		}
		return nil
	}
	return d.Fn()
}

// unwindForks waits for what the running task c has begun and its function has not waited for: calls that it forked, of which it returns the
// number, and a blocking call. The worker does so when the task ends, but that would be after a member's end has been told.
func unwindForks(c *Ctx) (unjoined int) {
	d := c.record()
	if !d.Worker().Unsettled(d) {
		return 0
	}
	return d.Settle()
}
