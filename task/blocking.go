package task

import (
	"runtime"

	"github.com/heddle-go/heddle/internal/rt"
)

// Blocking calls fn on an ordinary goroutine, and parks the task until fn has returned; the worker serves other tasks
// meanwhile. It is for what blocks its thread: system calls, files, cgo, native locks; for native channels see [Receive]. It returns nil
// when fn has returned.
//
// If the task is cancelled first, or has been before, Blocking returns the cause at once. A function that has
// begun goes on, and nobody looks at what comes of it: so it should not write to what the task still uses; see
// [BlockingValue]. One that has not begun is not called.
//
// The task ends only when fn has returned, although its own function may return before that: so do [Task.Wait], [Task.Join] and the Wait
// of a [Group] or a [Future]. What fn uses can be let go of when one of these has returned. fn must not wait for the task's end.
//
// The number of goroutines is bounded by scheduler.WithBlockingLimit; calls beyond it queue, first come first
// served. The goroutines are used again. Called by fn, the scheduler's Close does not wait, and Shutdown returns an error.
//
// If fn panics, Blocking panics with a [*PanicError] that has the value and fn's stack. If it panics after the task
// has gone on, that goes to the scheduler's panic handler with the handle of the task, or ends the process if there is
// none. If fn calls runtime.Goexit, Blocking returns [ErrGoexit].
//
// fn begins without profiler labels, whatever labels the task has, and whatever it sets ends with it. To label it, call
// pprof.Do inside fn.
//
// Inside fn the methods of c that are not context.Context's must not be called, nor c be passed to operations that
// can wait: the task is parked, and so they panic. With another context such operations block fn's goroutine.
func (c *Ctx) Blocking(fn func()) error {
	if fn == nil {
		panic("task: Ctx.Blocking with a nil function")
	}
	if _, err := Enter(c); err != nil {
		return err
	}
	j := &call{fn: fn, task: c.Task()}
	j.Prepare(c, c)
	j.Why = rt.WaitBlocking
	c.desc().Home().Sched.Block(j)
	if err := j.WaitIn(j); err != nil {
		c.desc().LeaveCall(&j.Call)
		return err
	}
	if pe, ok := j.failure.(*PanicError); ok {
		panic(pe)
	}
	return j.failure
}

// BlockingValue is [Ctx.Blocking] for a function that returns a value and an error, and returns these. If the task does not
// wait for them they are dropped.
func BlockingValue[T any](c *Ctx, fn func() (T, error)) (T, error) {
	if fn == nil {
		panic("task: BlockingValue with a nil function")
	}
	r := new(struct { // fn's alone, until Blocking returns nil
		v   T
		err error
	})
	if err := c.Blocking(func() { r.v, r.err = fn() }); err != nil {
		var zero T
		return zero, err
	}
	return r.v, r.err
}

// A call is one call of Blocking. Its state is the [rt.Call]; the other fields are the task's until Block, and the goroutine's
// until the call has returned.
type call struct {
	Waiter
	rt.Call
	fn      func()
	task    Task
	failure error // *PanicError, ErrGoexit or nil
}

var (
	_ Withdrawer = (*call)(nil)
	_ rt.Job     = (*call)(nil)
)

// Withdraw implements Withdrawer.
func (j *call) Withdraw() bool { return j.Leave() }

// Handle returns the task's handle.
func (j *call) Handle() Task { return j.task }

// Run implements rt.Job.
func (j *call) Run() (stray error) {
	if !j.Begin() {
		return nil
	}
	// Until the task has left its worker, a wrong use of its Ctx by fn would not be noticed. It has called Block just
	// before and is about to park; if it is cancelled instead, it leaves the call when it runs again.
	for j.task.State() != Waiting {
		if !j.Waited() || j.task.d.Status().Cancelled() {
			return nil
		}
		runtime.Gosched()
	}
	if !j.Waited() {
		return nil // this is another wait
	}
	returned := false
	defer func() {
		if !returned {
			j.failure = failure(nil, recover())
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
	if d := j.task.d; d.Wake() {
		d.Home().Sched.Inject(d)
	}
}
