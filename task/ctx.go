package task

import (
	"context"
	"time"
	"unsafe"

	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Ctx is a running task as its own function sees it. It is also a [context.Context]. It is
// cancelled when the task is cancelled ([Task.Cancel], a parent context, the scheduler's Close), so
// pass it to any API that takes a context.
//
// Each task uses the c that its function was given. A nil Ctx belongs to no task, and its methods
// panic. If another task calls a method of c, the method acts on that other task: Yield, Sleep and
// Park suspend the caller, and Go starts a task on the caller's worker. If a goroutine that is not
// a task calls, Sleep blocks the goroutine, and Park panics because a goroutine has no token to
// wait for. An operation that waits under c, or under a context derived from c, parks the calling
// task or blocks the calling goroutine, at the latest until c is cancelled. So a goroutine that
// should end with the task waits under a context that the task has derived from c.
//
// In a cancelled task, an operation that waits under c returns the cause at once. To clean up, use
// operations that take no context, such as [Task.Wait] or [Group.Wait], or wait under
// [context.WithoutCancel](c). Only the event itself ends these waits. [Task.Cancel] does not, and
// the scheduler's Close waits for the task. Use [WithTimeout] to bound such a wait.
//
// The methods of context.Context may be called even after the task's end. Then Err is
// [context.Canceled], or [context.DeadlineExceeded] if a deadline cancelled the task. Done is
// closed, and Value finds the same values as before. The same holds for contexts derived from c.
//
// A Ctx belongs to one task for ever. If it is kept beyond that task's end, its methods answer for
// the ended task, and Cancel does nothing.
type Ctx descriptor

// descriptor is the type beneath a Ctx. The alias keeps the name of an internal type out of go doc.
type descriptor = rt.Life

var _ context.Context = (*Ctx)(nil)

// This initialiser runs before package scheduler is initialised, and so before there is any task.
var _ = func() bool { rt.KnowCtx((*Ctx)(nil), (*timed)(nil)); return true }()

// record returns the descriptor, which may serve another task by now.
func (c *Ctx) record() *rt.Task { return (*rt.Life)(c).Task() }

// life returns c as package rt knows it.
func (c *Ctx) life() *rt.Life { return (*rt.Life)(c) }

// Current returns the task that the caller runs on. ok is false if the caller runs on no task: it
// is an ordinary goroutine, or a function of [Ctx.Blocking]. The call costs a few nanoseconds, for
// any number of workers and schedulers. Any goroutine may call it.
func Current() (c *Ctx, ok bool) {
	d := rt.Current() // internal/fiber/current.go says how it knows the calling fiber
	return (*Ctx)(rt.LifeOf(d)), d != nil
}

// nilCtx is the panic of a method of a nil Ctx. Checkpoint, Yield and Park do not check for nil,
// because the compiler inlines them into their caller and would not with the check. (Checkpoint is
// at the compiler's limit even without it.) In these three the runtime reports the nil pointer, at
// the caller's line.
const nilCtx = "task: a method of a nil Ctx was called: use the c that the task's function was given; Current and From return nil " +
	"where there is no task, and then ok is false"

// background is the context of a wait that only its event ends.
var background = context.Background()

// enter is wait.Enter with the types of this package.
func enter(ctx context.Context) (*Ctx, error) {
	of, _ := ctx.(*Ctx)
	d, err := wait.Enter(ctx, of.life())
	return (*Ctx)(rt.LifeOf(d)), err
}

// point is a yield point for an operation that has no other. It acts only in a program that imports
// package schedtest: see rt.Slow.
func point() {
	if rt.Slow != 0 {
		rt.Choice()
	}
}

// Task returns the handle of the task.
func (c *Ctx) Task() Task {
	if c == nil {
		panic(nilCtx)
	}
	return Task(c.life().Handle())
}

// Go starts fn as a new task on the same scheduler and returns the task's handle. The new task runs
// next on this worker, when the present task gives way. The children that were started before it
// follow in their order, in turns with tasks that have begun. Children of a task that runs later
// come before the rest of them, so a tree of tasks is visited depth first. Idle workers can steal
// any of them at once. Called by the task itself, or by another task of its scheduler, Go never
// waits, whatever limits apply to submissions from outside. Any other caller submits from outside.
//
// The new task is independent: it may outlive the present task, and is not cancelled with it. If
// the scheduler is closed, fn does not run and the handle's Err is [ErrClosed]. Go panics if fn is
// nil.
//
// Once the scheduler has had as many tasks at a time, Go itself allocates only 4 KB for each 4,000
// tasks or so. A closure that is made for each task is an allocation (compare BenchmarkSpawn with
// BenchmarkSpawnSame). So if many tasks are small, make one func value, or method value, and start
// all of them with it. The tasks can take what they work on from a place that they share. A [Func]
// gives each task an argument of its own, without an allocation.
//
// Unlike a go statement, Go does not pass on the caller's profiler labels. The new task begins with
// the labels of the context that it is under, or without labels. To pass labels on, use [Parent]
// with the context that pprof.Do(c, labels, func(ctx) ...) gives to its function.
func (c *Ctx) Go(fn func(c *Ctx), opts ...Option) Task {
	if fn == nil {
		panic("task: Ctx.Go with a nil function")
	}
	if c == nil {
		panic(nilCtx)
	}
	me := c.record()
	if !me.RunsOn(rt.Goroutine()) { // this is IsCurrent, which does not inline
		return c.goElsewhere(fn, opts)
	}
	var x *rt.Extra
	if len(opts) > 0 {
		x = extraOf(opts)
	}
	d, gen := me.Worker().Host.Spawn(fn, x)
	if d == nil {
		return closedTask
	}
	return handle(d, gen)
}

// goElsewhere is Go for a caller other than c's task.
func (c *Ctx) goElsewhere(fn func(c *Ctx), opts []Option) Task {
	shared := c.record().Shared()
	x := extraOf(opts)
	if me := rt.Current(); me != nil && me.Shared() == shared {
		if d, gen := me.Worker().Host.Spawn(fn, x); d != nil {
			return handle(d, gen)
		}
		return closedTask
	}
	var waitCtx context.Context // nil: no context ends the wait for room in the queue
	d, gen, err := shared.Sched.Admit(waitCtx, fn, x)
	if err != nil {
		return refused(err)
	}
	return handle(d, gen)
}

// Checkpoint is a yield point that is nearly free. If the scheduler has not asked the task to give
// way, a checkpoint costs a load, a decrement and a branch. If the task has used up its quantum and
// another task is runnable, the task goes to the back of the queue. Call Checkpoint in every loop
// that may run for long, on the c of the task that runs the loop. A Checkpoint on another task's c
// also acts on the caller. But it may act late, because it counts down the other task's counter.
func (c *Ctx) Checkpoint() {
	// The flag is at the descriptor's start.
	if (*preempt.Flag)(unsafe.Pointer(uintptr(unsafe.Pointer(c)) &^ (rt.Lives - 1))).Poll() {
		rt.Checkpoint()
	}
}

// Yield puts the task at the back of its worker's queue, and the worker runs the next runnable
// task. If there is none, Yield returns at once.
func (c *Ctx) Yield() {
	(*rt.Task)(unsafe.Pointer(uintptr(unsafe.Pointer(c)) &^ (rt.Lives - 1))).Worker().Host.Yield()
} // the host looks up the caller, because Yield must inline

// Worker returns the index of the worker that the caller runs on, from 0 up to but not including
// the number of workers of the caller's scheduler. It returns -1 if the caller does not run on a
// worker. After any operation that parks or yields, the task may be on another worker. Until then
// no other task runs on this worker. So a task can add to a per-worker element without a lock, and
// the program can sum the elements at the end.
func (c *Ctx) Worker() int {
	if c == nil {
		panic(nilCtx)
	}
	d := c.record()
	if !d.IsCurrent() {
		if d = rt.Current(); d == nil {
			return -1
		}
	}
	return d.Worker().At
}

// Park suspends the task until [Task.Ready] or [Ctx.Ready] is called on it, and returns nil. If the
// task is cancelled first, Park returns the cause. A task has one token: Ready gives it, and Park
// takes it. So if Ready was called since the last Park returned, Park returns at once. Call Park in
// a loop that checks the condition the task waits for. Park panics if the caller is a goroutine
// that is not a task.
func (c *Ctx) Park() error {
	return (*rt.Task)(unsafe.Pointer(uintptr(unsafe.Pointer(c)) &^ (rt.Lives - 1))).Worker().Host.ParkReady()
}

// Ready is [Task.Ready] for a caller that is a task. t runs next on this worker, when the present
// task gives way, so that its data is still in the caches. An idle worker may take t earlier.
func (c *Ctx) Ready(t Task) {
	if c == nil {
		panic(nilCtx)
	}
	point()
	d := t.record()
	if d == nil || !d.ReadyWaiting(t.life()) && !d.Ready(t.life()) {
		return
	}
	if shared := d.Shared(); shared != c.record().Shared() || !c.record().IsCurrent() {
		shared.Sched.Inject(d) // Inject looks up the caller
		return
	}
	c.record().Worker().Host.Local(d)
}

// Sleep parks the task for at least d. If the task is cancelled, Sleep returns early with the
// cause. If d is not positive, Sleep acts like [Ctx.Yield].
func (c *Ctx) Sleep(d time.Duration) error {
	if c == nil {
		panic(nilCtx)
	}
	if !c.record().IsCurrent() {
		return Sleep(c, d)
	}
	return c.sleep(d)
}

// sleep is Sleep for the running task c.
func (c *Ctx) sleep(d time.Duration) error {
	if err := c.Cause(); err != nil {
		return err
	}
	h := c.record().Host()
	if d <= 0 {
		h.Yield()
		return c.Cause()
	}
	h.Sleep(c.record(), int64(d))
	return c.Cause()
}

// Cancel cancels the task itself, as [Task.Cancel] does. From then on, operations that wait under c
// return the cause. The task's function keeps running until it returns.
func (c *Ctx) Cancel() { c.Task().Cancel() }

// Cancelled reports whether the task was asked to end, or has ended. It is cheaper than Err, and it
// is a yield point like [Ctx.Checkpoint].
func (c *Ctx) Cancelled() bool {
	if c == nil {
		panic(nilCtx)
	}
	c.Checkpoint()
	s := c.record().Status()
	return !s.Live(c.life().Gen()) || s.Cancelled() || c.life().Follow()
}

// Deadline implements [context.Context]. It returns the earliest of the task's own deadline, from
// the options [Deadline] and [Timeout], and the deadlines of its parent contexts.
func (c *Ctx) Deadline() (deadline time.Time, ok bool) {
	if c == nil {
		panic(nilCtx)
	}
	c.life().Escape()
	x := c.life().Extra()
	x.EachParent(func(p context.Context) bool {
		if t, has := p.Deadline(); has && (!ok || t.Before(deadline)) {
			deadline, ok = t, true
		}
		return true
	})
	if x != nil && x.Deadline != nil && !x.Deadline.At.IsZero() && (!ok || x.Deadline.At.Before(deadline)) {
		return x.Deadline.At, true
	}
	return deadline, ok
}

// Done implements [context.Context]. The channel is closed when the task is cancelled or ends. In
// the task itself, prefer [Ctx.Cancelled], because the memory of a task whose Done was called
// serves no other task.
func (c *Ctx) Done() <-chan struct{} {
	if c == nil {
		panic(nilCtx)
	}
	return c.life().Done()
}

// Err implements [context.Context]. It returns nil until the task is cancelled or ends. Then it
// returns [context.DeadlineExceeded] if the task was cancelled by its own deadline or by the
// deadline of a context it is under, and otherwise [context.Canceled]. If a context that the task
// is under has ended, Err reports that at once. [Ctx.Cause] returns the reason.
//
// In the task itself, prefer [Ctx.Cancelled] and Cause, because the memory of a task whose Err was
// called serves no other task.
func (c *Ctx) Err() error {
	if c == nil {
		panic(nilCtx)
	}
	c.life().Escape()
	return c.life().CtxErr()
}

// Cause returns the reason for the task's cancellation, or nil if the task is not cancelled.
// Operations that wait return the same error. It is [context.Canceled] after Cancel, the argument
// of CancelCause, the [context.Cause] of the context that the task is under, or [ErrClosed].
// context.Cause(c) returns the same.
func (c *Ctx) Cause() error {
	if c == nil {
		panic(nilCtx)
	}
	return c.life().CtxCause()
}

// Value implements [context.Context]. It returns the value of the task's parent contexts for key,
// or nil.
func (c *Ctx) Value(key any) (v any) {
	if c == nil {
		panic(nilCtx)
	}
	c.life().Escape()
	switch key {
	case wait.TaskKey{}:
		return c
	case rt.StdKey:
		return c.family()
	}
	x := c.life().Extra()
	if labels := x.Labels(); labels != nil {
		if v = labels.Value(key); v != nil {
			return v
		}
	}
	x.EachParent(func(p context.Context) bool {
		v = p.Value(key)
		return v == nil
	})
	return v
}

// From returns the task that ctx belongs to: ctx itself if it is a Ctx, or the nearest Ctx that ctx
// was derived from. ok is false if there is none. From panics if ctx is nil.
func From(ctx context.Context) (c *Ctx, ok bool) {
	if ctx == nil {
		panic(wait.NilContext)
	}
	if c, ok = ctx.(*Ctx); ok {
		if c == nil {
			panic(nilCtx)
		}
		return c, ok
	}
	c, ok = ctx.Value(wait.TaskKey{}).(*Ctx)
	return c, ok
}

// String returns the task's name and state.
func (c *Ctx) String() string { return c.Task().String() }
