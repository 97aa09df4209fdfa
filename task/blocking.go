package task

import (
	"context"
	"reflect"
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
)

// Blocking calls fn, which may block its thread, and returns nil when fn has returned. Meanwhile
// the worker's other tasks run. Use Blocking for system calls, files, cgo and native locks. For
// native channels see [Receive].
//
// Usually the task calls fn itself, on its own stack, which costs about 100 ns. If such a call
// takes long and other tasks wait for the worker, another goroutine takes over as the worker. If
// recent calls of fn took long, another goroutine calls fn, and the task is parked meanwhile. With
// the pinning modes Fixed and CPUs another goroutine always calls fn, because workers keep their
// threads in these modes.
//
// If the task has been cancelled, Blocking returns the cause and does not call fn. Once Blocking
// has called fn, it waits until fn returns, even if the task is cancelled: see
// [Ctx.BlockingOrAbandon].
//
// scheduler.WithBlockingLimit bounds how many functions run at once. Further calls wait in a queue,
// first come first served, with their tasks parked. The cancellation of a task ends its wait in
// that queue. If fn calls the scheduler's Close, Close does not wait. If fn calls Shutdown,
// Shutdown returns an error.
//
// If fn panics, Blocking panics with a [*PanicError] that has the value and fn's stack. If fn calls
// runtime.Goexit, so does Blocking.
//
// On the task's own stack, fn has the profiler labels of the task, and the labels it sets remain
// after it. On another goroutine, fn begins without labels, and the labels it sets end with it. To
// label fn, call pprof.Do inside it.
//
// fn does not count as a task, so an operation that waits inside fn blocks fn's goroutine. If fn
// locks its goroutine to a thread with runtime.LockOSThread, fn must unlock it before it returns.
func (c *Ctx) Blocking(fn func()) error {
	if fn == nil {
		panic("task: Ctx.Blocking with a nil function")
	}
	return c.blocking(kindOf(fn), fn)
}

// BlockingValue is [Ctx.Blocking] for a function that returns a value and an error. It returns
// both, or if fn was not called, the cause.
func BlockingValue[T any](c *Ctx, fn func() (T, error)) (v T, err error) {
	if fn == nil {
		panic("task: BlockingValue with a nil function")
	}
	if cause := c.blocking(kindOf(fn), func() { v, err = fn() }); cause != nil {
		return v, cause
	}
	return v, err
}

// BlockingOrAbandon is [Ctx.Blocking], but it does not wait for fn when the task is cancelled: it
// returns the cause at once. If fn has begun, it goes on and its result is dropped. So fn should
// not write to data that the task still uses: see [BlockingValueOrAbandon]. If fn has not begun, it
// is never called. fn always runs on another goroutine, which costs a microsecond or two, and the
// task is parked meanwhile.
//
// The task does not end before fn has returned, even if the task's own function returns earlier.
// The same holds for [Task.Wait] and for the Wait of a [Group] or a [Future]: once one of these has
// returned, the caller may release what fn uses. fn must not wait for the end of the task.
//
// If fn panics after the task has gone on, the panic goes to the scheduler's panic handler with the
// task's handle. Without a handler it ends the process. If fn calls runtime.Goexit,
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

// abandonable is BlockingOrAbandon for a goroutine that is not a task. It gives up when ctx ends.
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
// error. It returns both. If the task does not wait for fn, they are dropped.
func BlockingValueOrAbandon[T any](c *Ctx, fn func() (T, error)) (T, error) {
	if fn == nil {
		panic("task: BlockingValueOrAbandon with a nil function")
	}
	r := new(struct { // only fn uses it until BlockingOrAbandon returns nil
		v   T
		err error
	})
	if err := c.BlockingOrAbandon(func() { r.v, r.err = fn() }); err != nil {
		var zero T
		return zero, err
	}
	return r.v, r.err
}

// kinds records how long the calls of functions took, by the functions' code addresses. Two
// functions may share an entry. Then a long call of one makes the other count as long too, which
// costs only time.
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

// callElsewhere makes the call j on a goroutine that is not a task. c is the calling task, which
// waits. The end of ctx ends the wait only if the task may leave j, that is, if j.kind is nil or j
// is still in the queue.
func (c *Ctx) callElsewhere(ctx context.Context, j *call) error {
	j.task = c.Task()
	j.Prepare(ctx, c.record())
	j.Reason = rt.WaitBlocking
	c.record().Shared().Sched.Block(j)
	if err := j.WaitIn(j); err != nil {
		c.record().NoteDetached(&j.Call)
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

// A call is one blocking call on another goroutine. Its [rt.Call] has the state. The task owns the
// other fields until it calls Block. From then on the goroutine owns them until the call has
// returned.
type call struct {
	wait.Waiter
	rt.Call
	fn      func()
	kind    *rt.CallKind // nil if the task leaves the call when it is cancelled
	task    Task
	failure error // *PanicError, ErrGoexit or nil
}

var (
	_ wait.Withdrawer = (*call)(nil)
	_ rt.Job          = (*call)(nil)
)

// Withdraw implements wait.Withdrawer.
func (j *call) Withdraw() bool { return j.Detach(j.kind != nil) }

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
		stray = j.deliver()
	}()
	j.fn()
	returned = true
	return nil
}

// deliver passes the result to the task. If the task no longer waits and the call panicked, deliver
// returns the panic.
func (j *call) deliver() (stray error) {
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
