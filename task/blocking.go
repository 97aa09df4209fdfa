package task

import (
	"context"
	"reflect"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Blocking calls fn, which may block its thread, and returns nil when fn has returned; the worker's
// other tasks run meanwhile. It is for system calls, files, cgo, native locks; for native channels
// see [Receive].
//
// Usually the task calls fn itself, on the spot, which costs about 100 ns. If that lasts and others
// wait for the worker, another goroutine goes on as the worker. If the calls of fn were long
// lately, another goroutine calls fn, and the task is parked meanwhile. With the pinning modes
// Fixed and CPUs that is always so, since there workers keep their threads.
//
// If the task has been cancelled, Blocking returns the cause and does not call fn. Once it has
// called fn, it waits for fn, also if the task is cancelled: see [Ctx.BlockingOrAbandon].
//
// At most so many functions run at once as scheduler.WithBlockingLimit says; calls beyond it queue,
// parked, first come first served, and there the task's cancellation ends them. Called by fn, the
// scheduler's Close does not wait, and Shutdown returns an error.
//
// If fn panics, Blocking panics with a [*PanicError] that has the value and fn's stack. If fn calls
// runtime.Goexit, so does Blocking.
//
// On the spot fn has the profiler labels of its task, and what it sets stays; elsewhere it begins
// without, and what it sets ends with it. To label it, call pprof.Do inside fn.
//
// Inside fn, which is no task, operations that can wait block fn's goroutine. If fn locks its goroutine to a thread, by
// runtime.LockOSThread, it has to unlock it before it returns.
func (c *Ctx) Blocking(fn func()) error {
	if fn == nil {
		panic("task: Ctx.Blocking with a nil function")
	}
	return c.blocking(kindOf(fn), fn)
}

// BlockingValue is [Ctx.Blocking] for a function that returns a value and an error, and returns
// these.
func BlockingValue[T any](c *Ctx, fn func() (T, error)) (v T, err error) {
	if fn == nil {
		panic("task: BlockingValue with a nil function")
	}
	if cause := c.blocking(kindOf(fn), func() { v, err = fn() }); cause != nil {
		return v, cause
	}
	return v, err
}

// BlockingOrAbandon is [Ctx.Blocking] that does not wait for fn when the task is cancelled: it
// returns the cause at once. A function that has begun goes on, and its result is dropped: so it
// should not write to what the task still uses; see [BlockingValueOrAbandon]. One that has not
// begun is not called. fn is always called on another goroutine, which takes a microsecond or two,
// and the task parked.
//
// The task ends only when fn has returned, although its own function may return before that: so do
// [Task.Wait] and the Wait of a [Group] or a [Future]. What fn uses can be let go of
// when one of these has returned. fn must not wait for the task's end.
//
// If fn panics after the task has gone on, that goes to the scheduler's panic handler with the
// handle of the task, or ends the process if there is none. If fn calls runtime.Goexit,
// BlockingOrAbandon returns [ErrGoexit].
func (c *Ctx) BlockingOrAbandon(fn func()) error {
	if fn == nil {
		panic("task: Ctx.BlockingOrAbandon with a nil function")
	}
	me, err := enter(c)
	if err != nil {
		return err
	}
	if me == nil {
		return abandonable(c, fn)
	}
	return me.callElsewhere(c, &call{fn: fn})
}

// abandonable is BlockingOrAbandon by a goroutine that is no task, under ctx.
func abandonable(ctx context.Context, fn func()) error {
	ended := make(chan error, 1)
	go func() {
		returned := false
		defer func() {
			if !returned {
				ended <- failure(nil, recover())
			}
		}()
		fn()
		returned = true
		ended <- nil
	}()
	select {
	case err := <-ended:
		if pe, ok := err.(*PanicError); ok {
			panic(pe)
		}
		return err
	case <-ctx.Done():
		return wait.CauseOf(ctx)
	}
}

// BlockingValueOrAbandon is [Ctx.BlockingOrAbandon] for a function that returns a value and an
// error, and returns these. If the task does not wait for them they are dropped.
func BlockingValueOrAbandon[T any](c *Ctx, fn func() (T, error)) (T, error) {
	if fn == nil {
		panic("task: BlockingValueOrAbandon with a nil function")
	}
	r := new(struct { // fn's alone, until BlockingOrAbandon returns nil
		v   T
		err error
	})
	if err := c.BlockingOrAbandon(func() { r.v, r.err = fn() }); err != nil {
		var zero T
		return zero, err
	}
	return r.v, r.err
}

// kinds has what is known of functions, by their code. Two that fall on one another mislead each
// other, which costs time only.
var kinds [256]rt.CallKind

func kindOf[F any](fn F) *rt.CallKind {
	return &kinds[uint64(reflect.ValueOf(fn).Pointer())*0x9e3779b97f4a7c15>>56]
}

func (c *Ctx) blocking(kind *rt.CallKind, fn func()) error {
	me, err := enter(c)
	if err != nil {
		return err
	}
	if me == nil {
		fn()
		return nil
	}
	if d := me.record(); !kind.Long() && d.Host().Call(d, fn, kind) {
		return nil
	}
	return me.callElsewhere(c, &call{fn: fn, kind: kind})
}

// callElsewhere has a goroutine that is no task make the call. c is the task that calls; the end of ctx ends the wait, if j allows for it.
func (c *Ctx) callElsewhere(ctx context.Context, j *call) error {
	j.task = c.Task()
	j.Prepare(ctx, c.record())
	j.Reason = rt.WaitBlocking
	c.record().Shared().Sched.Block(j)
	if err := j.WaitIn(j); err != nil {
		c.record().LeaveCall(&j.Call)
		return err
	}
	if pe, ok := j.failure.(*PanicError); ok {
		panic(pe)
	}
	if j.failure == ErrGoexit && j.kind != nil {
		runtime.Goexit()
	}
	return j.failure
}

// A call is one call on another goroutine. Its state is the [rt.Call]; the other fields are the
// task's until Block, and the goroutine's until the call has returned.
type call struct {
	wait.Waiter
	rt.Call
	fn      func()
	kind    *rt.CallKind // nil: the task leaves the call when it is cancelled
	task    Task
	failure error // *PanicError, ErrGoexit or nil
}

var (
	_ wait.Withdrawer = (*call)(nil)
	_ rt.Job          = (*call)(nil)
)

// Withdraw implements wait.Withdrawer.
func (j *call) Withdraw() bool { return j.Leave(j.kind != nil) }

// Handle returns the task's handle.
func (j *call) Handle() Task { return j.task }

// Run implements rt.Job.
func (j *call) Run() (stray error) {
	if !j.Begin() {
		return nil
	}
	returned := false
	begin := time.Now()
	defer func() {
		if !returned {
			j.failure = failure(nil, recover())
		}
		if j.kind != nil {
			j.kind.Took(int64(time.Since(begin)))
		}
		stray = j.settle()
	}()
	j.fn()
	returned = true
	return nil
}

// settle gives the result to the task, or returns a panic that the task does not wait for.
func (j *call) settle() (stray error) {
	pe, panicked := j.failure.(*PanicError)
	if j.Return() {
		j.Wake(nil)
		return nil
	}
	if panicked {
		return pe
	}
	return nil
}

// End implements rt.Job.
func (j *call) End() {
	if !j.Call.End() {
		return
	}
	if d := j.task.record(); d.Wake() {
		d.Shared().Sched.Inject(d)
	}
}
