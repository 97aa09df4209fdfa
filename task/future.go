package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Future is the result of a task that [Submit] has started. Its methods may be called by tasks and by goroutines.
type Future[T any] struct {
	s    submitted[T]
	task Task
}

// A submitted is the side of a Future that its task sees.
type submitted[T any] struct {
	child
	p  Completion[T]
	fn func(c *Ctx) (T, error)
}

// Submit starts fn as a task, by on, and returns its future result. It does not wait. If on is a task's Ctx, the
// caller must be that task, and the new one is queued on its worker.
//
// The result is what fn returns. If it panics, the error is a [*PanicError], and the scheduler's panic handler
// is not called; if it calls runtime.Goexit, [ErrGoexit]; if the task is cancelled before it starts, the cause; if the
// scheduler is closed, [ErrClosed]; if its queue is full, [ErrQueueFull].
func Submit[T any](on Starter, fn func(c *Ctx) (T, error), opts ...Option) *Future[T] {
	if fn == nil {
		panic("task: Submit with a nil function")
	}
	l := launcherOf("Submit", on)
	f := &Future[T]{}
	s := &f.s
	s.fn = fn
	s.Context = context.Background()
	s.ext.Parent = s
	c, _ := on.(*Ctx)
	var by context.Context // none
	var err error
	if f.task, err = l.start(by, c, s, opts); err != nil {
		s.skip(err)
	}
	return f
}

// run is the task's function.
func (s *submitted[T]) run(c *Ctx) {
	var v T
	returned := false
	err := ErrGoexit
	defer func() {
		if !returned {
			if p := recover(); p != nil {
				err = panicErrorOf(p)
			}
		}
		s.p.complete(c, v, err)
	}()
	v, err = s.fn(c)
	returned = true
}

// Skip implements rt.Owner.
func (s *submitted[T]) Skip(d *rt.Desc) { s.skip(d.Cause(context.Canceled, ErrClosed)) }

func (s *submitted[T]) skip(cause error) {
	var zero T
	s.p.complete(nil, zero, cause)
}

// Task returns the handle of the task, to cancel it for instance. The task may end a moment after the result is there.
func (f *Future[T]) Task() Task { return f.task }

// Ready reports whether the result is there, so that Wait would return it at once.
func (f *Future[T]) Ready() bool { return f.s.p.Ready() }

// Done returns a channel that is closed when the result is there, as [Completion.Done] does.
func (f *Future[T]) Done() <-chan struct{} { return f.s.p.Done() }

// Wait waits for the result, parking the task or blocking the goroutine, and returns it. If ctx ends first, it
// returns the cause, and the task is not affected. A result that is there already is returned even if ctx
// has ended. Any number may wait, any number of times.
func (f *Future[T]) Wait(ctx context.Context) (T, error) { return f.s.p.Wait(ctx) }

// All waits for all futures in turn, parking the task or blocking the goroutine, and returns their values in the same
// order. It returns nil and the error of the first one in that order that has one, without waiting for those that follow; if ctx
// ends first, the cause. The tasks are not affected.
func All[T any](ctx context.Context, fs ...*Future[T]) ([]T, error) {
	if _, err := Enter(ctx); err != nil {
		return nil, err
	}
	vs := make([]T, len(fs))
	for i, f := range fs {
		v, err := f.Wait(ctx)
		if err != nil {
			return nil, err
		}
		vs[i] = v
	}
	return vs, nil
}

// A child is what a member, and the task of a future, have in common. It is the parent context of its task, by
// which that is recognised and, as an rt.Owner, told of a task that never runs.
type child struct {
	context.Context
	ext rt.Ext // the task's, unless a foreign Starter starts it
}

// attach makes p the parent context of its running task, c, which a foreign Starter has started; p then
// wraps the one that the Starter has given it, if any.
func (h *child) attach(c *Ctx, p context.Context) {
	x := c.desc().NeedExt()
	if x.Parent != nil {
		h.Context = x.Parent
	}
	x.Parent = p
}

// A launched is a child in full.
type launched interface {
	context.Context
	rt.Owner
	run(c *Ctx)
	skip(cause error)
	attach(c *Ctx, p context.Context)
	extension() *rt.Ext
}

func (h *child) extension() *rt.Ext { return &h.ext }

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

// start starts h's task on the worker of c, if that is a task of the same scheduler, and otherwise from outside, where it
// may wait for room in the queue until by ends. It returns an error if the scheduler refuses.
func (l launcher) start(by context.Context, c *Ctx, h launched, opts []Option) (Task, error) {
	if l.on != nil {
		return l.startForeign(h, opts)
	}
	x := h.extension()
	for _, o := range opts {
		if o.apply != nil {
			o.apply(x)
		}
	}
	if c != nil && c.desc().Home().Sched == l.sched {
		d, gen := c.host().Spawn(h.run, x)
		if d == nil {
			return closedTask, ErrClosed
		}
		return Task{d, gen}, nil
	}
	d, gen, err := l.sched.Admit(by, h.run, x)
	if err != nil {
		return Refused(err), err
	}
	return Task{d, gen}, nil
}

// startForeign starts h's task by a Starter that may give it a parent context of its own. A goroutine
// watches over such a task, to see if it never runs.
func (l launcher) startForeign(h launched, opts []Option) (Task, error) {
	ran := new(atomicx.Bool)
	t := l.on.Go(func(c *Ctx) {
		ran.Store(true)
		h.attach(c, h)
		h.run(c)
	}, opts...)
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
