package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A launched is the function of a task that belongs to a group or a future. It is kept in rt.Desc.Fn, which saves the closure,
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
		panic("task: " + who + " with a nil Starter: pass a scheduler, or a task's Ctx")
	case *Ctx:
		return launcher{sched: on.desc().Home().Sched}
	case rt.Scheduler:
		return launcher{sched: on}
	}
	return launcher{on: on}
}

// none reports whether l was not made by launcherOf.
func (l *launcher) none() bool { return l.sched == nil && l.on == nil }

// start starts h's task on the worker of c, if that is a task of the same scheduler, and otherwise from outside. It
// returns closedTask if the scheduler refuses. x is what opts and the parent context come to, or nil.
func (l *launcher) start(c *Ctx, h launched, x *rt.Ext, opts []Option) Task {
	if l.on != nil {
		return l.startForeign(h, x, opts)
	}
	var t Task
	if c != nil && c.desc().Home().Sched == l.sched {
		t.d, t.gen = c.host().Spawn(h, x)
	} else {
		t.d, t.gen = l.sched.Admit(h, x)
	}
	if t.d == nil {
		return closedTask
	}
	return t
}

// startForeign starts h's task by a Starter, which may give it a parent context of its own; otherwise it has the one of x. A goroutine
// watches over such a task, to see if it never runs.
func (l *launcher) startForeign(h launched, x *rt.Ext, opts []Option) Task {
	ran := new(atomicx.Bool)
	t := l.on.Go(func(c *Ctx) {
		ran.Store(true)
		f := &foreign{h: h}
		own := c.desc().NeedExt()
		if f.Context = own.Parent; f.Context == nil {
			f.Context = context.Background()
			if x != nil && x.Parent != nil {
				f.Context = x.Parent
			}
		}
		own.Parent = f
		h.Run(c.desc())
	}, opts...)
	if t != closedTask {
		go func() {
			if err := t.Wait(); !ran.Load() {
				h.skip(err)
			}
		}()
	}
	return t
}

// A foreign is the parent context of a task that a Starter from elsewhere has started: by this the task is recognised, since
// its function is the Starter's.
type foreign struct {
	context.Context
	h launched
}

// launchedOf returns what was started as the running task c, or nil.
func launchedOf(c *Ctx) any {
	d := c.desc()
	if _, ok := d.Fn.(func(*Ctx)); ok {
		if x := d.Ext(); x != nil {
			if f, ok := x.Parent.(*foreign); ok {
				return f.h
			}
		}
		return nil
	}
	return d.Fn
}
