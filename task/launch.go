package task

import (
	"context"
	"errors"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A launched is the function of a task that belongs to a group or a future. The descriptor stores
// the launched in place of a func, because a func would need a closure. launchedOf recognises such
// a task by its launched.
type launched interface {
	rt.Runner
	// skip does what Skip does, without a descriptor: the scheduler refused the task, or the
	// user's Starter did not run the function.
	skip(cause error)
}

// A launcher starts the tasks of a group or a future. launcherOf sets exactly one of its fields. In
// the zero launcher neither is set: see none.
type launcher struct {
	sched rt.Scheduler // if the Starter is a scheduler of ours, or a Ctx
	on    Starter      // if it is any other Starter
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

// none reports whether l is empty, that is, was not made by launcherOf.
func (l *launcher) none() bool { return l.sched == nil && l.on == nil }

// start starts the task of h. If c is a task of the same scheduler, the new task goes to c's
// worker. Otherwise start submits the task from outside, and may wait for room in the queue until
// waitCtx ends. A nil waitCtx never ends. start returns an error if the scheduler refuses the task.
// x is the extension made from opts and the parent context, or nil.
func (l *launcher) start(waitCtx context.Context, c *Ctx, h launched, x *rt.Extra, opts []Option) (Task, error) {
	if l.on != nil {
		return l.startForeign(h, x, opts)
	}
	if c != nil && c.record().Shared().Sched == l.sched {
		d, gen := c.record().Worker().Host.Spawn(h, x)
		if d == nil {
			return closedTask, ErrClosed
		}
		return handle(d, gen), nil
	}
	d, gen, err := l.sched.Admit(waitCtx, h, x)
	if err != nil {
		return refused(err), err
	}
	return handle(d, gen), nil
}

// startForeign starts the task of h by a Starter of the user's. That Starter may put the task under
// a further context. A goroutine watches the task, because the Starter may never run it.
func (l *launcher) startForeign(h launched, x *rt.Extra, opts []Option) (Task, error) {
	ran := new(atomicx.Bool)
	started := false
	defer func() {
		// If Go has panicked, a later call of the function does nothing.
		if !started && ran.CompareAndSwap(false, true) {
			h.skip(errStarterPanicked)
		}
	}()
	t := l.on.Go(func(c *Ctx) {
		if !ran.CompareAndSwap(false, true) {
			return // the Starter has already called the function
		}
		f := &foreign{Context: context.Background(), h: h}
		if x != nil && x.Owner != nil {
			f.Context = x.Owner
		}
		if !c.life().Escape() || !c.record().Status().InUse() {
			h.skip(errStarterKeptCtx)
			panic(errStarterKeptCtx)
		}
		c.record().NeedExtra().SetOwner(f)
		defer func() { f.h = nil }() // h may serve another task before the Starter's function ends
		h.Run(c.record())
	}, opts...)
	started = true
	if t == closedTask || t == fullTask {
		return t, t.Err()
	}
	go func() {
		if err := t.Wait(); ran.CompareAndSwap(false, true) {
			h.skip(err)
		}
	}()
	return t, nil
}

var errStarterKeptCtx = errors.New("task: Go of the Starter has called the function with the Ctx of a task that has ended: " +
	"each task uses the c that its own function was given")

var errStarterPanicked = errors.New("task: Go of the Starter panicked and has not called the function")

// A foreign is the parent context of a task that a Starter of the user's has started. launchedOf
// recognises such a task by its foreign, because the descriptor has the Starter's function in place
// of the launched.
type foreign struct {
	context.Context
	h launched // nil once it has run; only the task uses it
}

// String returns the name of the context.
func (f *foreign) String() string { return nameOf(f.Context) }

// launchedOf returns the launched that the running task c was started with. If c is a stolen call,
// launchedOf returns the launched of the task that forked the call. It returns nil if that task
// belongs to no group and no future. d may also be the descriptor that rt.Inside has returned.
func launchedOf(d *rt.Task) any {
	for d != nil {
		f, stolen := d.Fn().(*rt.Frame)
		if !stolen {
			break
		}
		d = f.Forker // the parent waits for the call, or will
	}
	if d == nil { // c is the descriptor of a rt.Proxy that stands for no task
		return nil
	}
	if d.Fn() == nil { // the task has a func, which has started
		if x := d.Extra(); x != nil {
			if f, ok := x.Owner.(*foreign); ok {
				return f.h
			}
		}
		return nil
	}
	return d.Fn()
}

// unwindForks waits for the calls that the running task c has forked and not joined, and for a
// blocking call that c has left behind. It returns the number of forked calls that c had not
// joined. The worker does the same when the task ends. That would be too late here, because the
// group or the future wakes its waiters before the task ends.
func unwindForks(c *Ctx) (unjoined int) {
	d := c.record()
	if !d.Worker().HasOpenCalls(d) {
		return 0
	}
	return d.EndOpenCalls()
}
