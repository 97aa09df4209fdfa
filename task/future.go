package task

import (
	"context"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
)

// A Future is the result of a task that [Submit] has started. Its methods may be called by tasks and by goroutines. [All], [First] and
// [Race] wait for several. What comes after a result is written into a function that waits for it: in a task, waiting costs no
// thread.
type Future[T any] struct {
	s    submitted[T]
	task Task
}

// A submitted is the side of a Future that its task sees.
type submitted[T any] struct {
	p  Completion[T]
	fn func(c *Ctx) (T, error)
}

// Submit starts fn as a task, by on, and returns its future result. It does not wait. A Ctx stands for
// its task's scheduler. If the caller is a task of the scheduler, the new task is queued on the caller's worker.
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
	// Not on, which may be the Ctx of another task.
	c, _ := Current()
	var by context.Context // none
	var err error
	if f.task, err = l.start(by, c, s, extraOf(opts), opts); err != nil {
		s.skip(err)
	}
	return f
}

// Run implements rt.Runner.
func (s *submitted[T]) Run(d *rt.Task) {
	c := (*Ctx)(d)
	var v T
	returned := false
	var err error
	defer func() {
		if !returned {
			err = failure(c, recover())
		}
		if n := unwindForks(c); n > 0 && returned {
			err = &PanicError{Value: rt.UnjoinedText(n), Stack: debug.Stack()}
		}
		s.p.complete(c, v, err)
	}()
	v, err = s.fn(c)
	returned = true
}

// Skip implements rt.Runner.
func (s *submitted[T]) Skip(d *rt.Task) { s.skip(d.Cause(context.Canceled, ErrClosed)) }

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

// Wait waits for the result, parking the task or blocking the goroutine, and returns it. Nothing else ends the wait. Any
// number may wait, any number of times. If a task waits and the future's has not begun, that runs next on this worker. If the caller is the
// future's own task, the wait would never end, and Wait returns an error. It panics if Submit has not made the future.
func (f *Future[T]) Wait() (T, error) {
	f.check()
	return f.s.p.wait(background, f.task)
}

// WaitContext is [Future.Wait] that gives up when ctx ends, and then returns its cause; the future's task is not affected. A
// result that is there already is returned even if ctx has ended.
func (f *Future[T]) WaitContext(ctx context.Context) (T, error) {
	f.check()
	return f.s.p.wait(ctx, f.task)
}

// check panics if f was not made by Submit: a wait for it would never end.
func (f *Future[T]) check() {
	if f == nil || f.s.fn == nil {
		panic(noFuture)
	}
}

const noFuture = "task: a nil Future, or one that Submit has not made, has no task to wait for: use what Submit returns"

// All waits for all futures in turn, parking the task or blocking the goroutine, and returns their values in the same
// order. It returns nil and the error of the first one in that order that has one, without waiting for those that follow; if ctx
// ends first, the cause. The tasks are not affected.
func All[T any](ctx context.Context, fs ...*Future[T]) ([]T, error) {
	if _, err := enter(ctx); err != nil {
		return nil, err
	}
	vs := make([]T, len(fs))
	for i, f := range fs {
		v, err := f.WaitContext(ctx)
		if err != nil {
			return nil, err
		}
		vs[i] = v
	}
	return vs, nil
}
