package task

import (
	"context"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Ctx is a running task as its own function sees it. It is also a
// [context.Context]: it is cancelled when the task is ([Task.Cancel], a parent
// context, the scheduler's Close), so pass it on to any API that takes a context.
//
// Each task uses the c that its function was given. A method that is called by another task acts on that one: Yield, Sleep and Park
// suspend the caller, Go starts a task on the caller's worker. A goroutine that is no task blocks in Sleep; in Park, where that can
// mean nothing, it panics. Operations that wait under c, or under a context derived from it, park the task that calls, or block the
// goroutine that calls, until c is cancelled at the latest. So a goroutine that is to end with the task waits under a context
// that the task has derived from c.
//
// In a cancelled task, what waits under c returns the cause at once. To clean up, use what takes no context, such as [Task.Wait] or
// [Group.Wait], or wait under [context.WithoutCancel](c): nothing but the event ends these waits, neither [Task.Cancel] nor the
// scheduler's Close, which waits for the task. [WithTimeout] bounds them.
//
// The methods of context.Context may be called also after the task's end: then Err is [context.Canceled], unless the task was
// cancelled as by a deadline, Done is closed, and Value finds what it found before. The same holds for contexts that are derived from c.
//
// There is one exception. If the task is under no context ([Parent], scheduler.GoContext, a group's context), and none
// of the four methods was called before the task's end, directly or through a derived context, then the Ctx may serve
// another such task afterwards: it has no values then either (unless a [Group] or a [Future] has started that task by a [Starter] of
// the user's), but its Err and Done may be those of the other task. So if
// something keeps a context beyond the end, give it one that was derived by [context.WithCancel], or by
// [WithTimeout]; these call the methods.
type Ctx rt.Task

var _ context.Context = (*Ctx)(nil)

// It is called before package scheduler is initialised, so before there is any task.
var _ = func() bool { rt.KnowCtx((*Ctx)(nil)); return true }()

func (c *Ctx) record() *rt.Task { return (*rt.Task)(c) }

// Current returns the task on which the caller runs. ok is false if it runs on none: an ordinary goroutine, or a function of
// [Ctx.Blocking]. It costs some nanoseconds, however many workers and schedulers there are. Any goroutine may call it.
//
// A fiber, the stack of a task, is a goroutine of its own, which the address of the Go runtime's record of it tells apart.
func Current() (c *Ctx, ok bool) {
	d := rt.Current()
	return (*Ctx)(d), d != nil
}

// background is the context of the waits that nothing but their event ends.
var background = context.Background()

// enter is wait.Enter.
func enter(ctx context.Context) (*Ctx, error) {
	of, _ := ctx.(*Ctx)
	d, err := wait.Enter(ctx, (*rt.Task)(of))
	return (*Ctx)(d), err
}

// Task returns the handle of the task.
func (c *Ctx) Task() Task { return handle(c.record(), c.record().Gen()) }

// Go starts fn as a new task on the same scheduler and returns its handle. The
// task runs next on this worker, when the present one gives way, before older tasks and before children that were
// started earlier, which go to the back of the queue. Idle workers can steal all of them at once. Go never
// blocks, whatever limits apply to submissions from outside.
//
// The new task is independent: it may outlive this one and is not cancelled with it.
// If the scheduler is closed, fn does not run and the handle's Err is [ErrClosed].
//
// Unlike a go statement, Go does not pass on the profiler labels that the caller has. The new task begins with the labels of
// the context that it is under, or without labels. So pass labels on with [Parent]: pprof.Do(c, labels, func(ctx) ...) gives
// its function a context that has them.
func (c *Ctx) Go(fn func(c *Ctx), opts ...Option) Task {
	if fn == nil {
		panic("task: Ctx.Go with a nil function")
	}
	if !c.record().IsCurrent() {
		return c.goElsewhere(fn, opts)
	}
	d, gen := c.record().Host().Spawn(fn, extraOf(opts))
	if d == nil {
		return closedTask
	}
	return handle(d, gen)
}

// goElsewhere is Go for a caller that is not c's task.
func (c *Ctx) goElsewhere(fn func(c *Ctx), opts []Option) Task {
	home := c.record().Shared()
	x := extraOf(opts)
	if me := rt.Current(); me != nil && me.Shared() == home {
		if d, gen := me.Host().Spawn(fn, x); d != nil {
			return handle(d, gen)
		}
		return closedTask
	}
	var by context.Context // none
	d, gen, err := home.Sched.Admit(by, fn, x)
	if err != nil {
		return refused(err)
	}
	return handle(d, gen)
}

// Checkpoint is a yield point that is nearly free: as long as the task is not asked to give
// way it costs a load, a decrement and a branch. When the task has used up its
// quantum and another one is runnable, it goes to the back of the queue. Call it in
// every loop that may run for long, on the c of the task that runs the loop: on another's it acts on the caller too, but is counted
// there, and comes late.
func (c *Ctx) Checkpoint() { (*rt.Task)(c).Checkpoint() }

// Yield puts the task at the back of its worker's queue and runs the next
// runnable task. It returns at once if there is none.
func (c *Ctx) Yield() { (*rt.Task)(c).Worker().Host.Yield((*rt.Task)(c)) } // the host looks up the caller; so this inlines

// Worker returns the index of the worker on which the caller runs, from 0 to the number of workers of its scheduler, exclusive; or
// -1 if the caller runs on none. The task may be on another worker after anything that parks or yields, but until then no other
// task runs on this one: so an element for each worker can be added to without a lock, and summed up in the end.
func (c *Ctx) Worker() int {
	d := c.record()
	if !d.IsCurrent() {
		if d = rt.Current(); d == nil {
			return -1
		}
	}
	return d.Worker().At
}

// Park suspends the task until [Task.Ready] or [Ctx.Ready] is called on it, and
// returns nil; or until it is cancelled, and returns the cause. A Ready that came
// earlier, since the last Park returned, makes it return at once: a task has
// one token, which Ready gives and Park takes. Check the condition that is
// waited for in a loop.
func (c *Ctx) Park() error { return (*rt.Task)(c).Worker().Host.ParkReady((*rt.Task)(c)) }

// Ready is [Task.Ready] for callers that run on a task: t runs next on this worker, after
// the present task gives way, which keeps its data in the caches. Idle workers may
// take it earlier.
func (c *Ctx) Ready(t Task) {
	if t.record() == nil || !t.record().Ready(t.life()) {
		return
	}
	if home := t.record().Shared(); home != c.record().Shared() || !c.record().IsCurrent() {
		home.Sched.Inject(t.record()) // which looks up the caller
		return
	}
	c.record().Host().Local(t.record())
}

// Sleep parks the task for at least d. It returns early, with the cause, if the task
// is cancelled. If d is not positive it is a [Ctx.Yield].
func (c *Ctx) Sleep(d time.Duration) error {
	if !c.record().IsCurrent() {
		return Sleep(c, d)
	}
	return c.sleep(d)
}

// sleep is Sleep by the task itself.
func (c *Ctx) sleep(d time.Duration) error {
	if err := c.Cause(); err != nil {
		return err
	}
	h := c.record().Host()
	if d <= 0 {
		h.Yield(c.record())
		return c.Cause()
	}
	h.Sleep(c.record(), int64(d))
	return c.Cause()
}

// Cancel cancels the task itself, as [Task.Cancel] does: operations that park
// return an error from now on. The function runs on until it returns.
func (c *Ctx) Cancel() { c.Task().Cancel() }

// Cancelled reports whether the task was asked to end. It is cheaper than Err, and
// a yield point like [Ctx.Checkpoint].
func (c *Ctx) Cancelled() bool {
	c.Checkpoint()
	d := c.record()
	return d.Status().Cancelled() || d.Extra() != nil && d.Follow()
}

// Deadline implements [context.Context]: the earliest of the task's own deadline, given with the options [Deadline] and
// [Timeout], and the deadlines of its parent contexts.
func (c *Ctx) Deadline() (deadline time.Time, ok bool) {
	c.record().Escape()
	c.record().EachParent(func(p context.Context) bool {
		if t, has := p.Deadline(); has && (!ok || t.Before(deadline)) {
			deadline, ok = t, true
		}
		return true
	})
	if x := c.record().Extra(); x != nil && x.Deadline != nil && !x.Deadline.At.IsZero() && (!ok || x.Deadline.At.Before(deadline)) {
		return x.Deadline.At, true
	}
	return deadline, ok
}

// Done implements [context.Context]. The channel is closed when the task is cancelled, or
// ends. Inside the task, prefer [Ctx.Cancelled]: a task whose Done was asked for is not pooled.
func (c *Ctx) Done() <-chan struct{} { return c.record().Done() }

// Err implements [context.Context]: nil until the task is cancelled or has ended, then [context.DeadlineExceeded] if
// that was since its deadline, or that of a context that it is under, has passed, else [context.Canceled]. When a
// context that the task is under has ended, Err says so from then on. [Ctx.Cause] says why.
//
// Inside the task, prefer [Ctx.Cancelled] and Cause: the descriptor of a task whose Err was asked for is not pooled.
func (c *Ctx) Err() error {
	c.record().Escape()
	return c.record().CtxErr()
}

// Cause returns why the task is cancelled, or nil if it is not: what the operations that wait return. It is
// [context.Canceled] after Cancel, what CancelCause was given, the [context.Cause] of the context that the task is under, or
// [ErrClosed]. context.Cause(c) returns the same.
func (c *Ctx) Cause() error { return c.record().CtxCause() }

// Value implements [context.Context]: the value of the parent context, if the task
// was given one.
func (c *Ctx) Value(key any) (v any) {
	c.record().Escape()
	switch key {
	case wait.TaskKey{}:
		return c
	case cancelCtxKey:
		return c.family()
	}
	c.record().EachParent(func(p context.Context) bool {
		v = p.Value(key)
		return v == nil
	})
	return v
}

// From returns the task that ctx belongs to: ctx itself or the nearest one that it was
// derived from. It panics if ctx is nil.
func From(ctx context.Context) (c *Ctx, ok bool) {
	if ctx == nil {
		panic(wait.NilContext)
	}
	if c, ok = ctx.(*Ctx); ok {
		return c, ok
	}
	c, ok = ctx.Value(wait.TaskKey{}).(*Ctx)
	return c, ok
}

// String returns the task's name and state.
func (c *Ctx) String() string { return c.Task().String() }
