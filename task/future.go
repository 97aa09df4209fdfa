package task

import (
	"context"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
)

// A Future is the result of a task that [Submit] has started. Tasks and goroutines may call its
// methods. [All], [Completed], [First] and [Race] wait for several futures. To continue with a
// result, write a function that waits for it, because waiting in a task costs no thread.
type Future[T any] struct {
	s    submitted[T]
	task Task
}

// A submitted is the part of a Future that its task uses.
type submitted[T any] struct {
	p  Completion[T]
	fn func(c *Ctx) (T, error)
}

// Submit starts fn as a task on the scheduler on, and returns the task's future result. It does not
// wait for the result. If on is a Ctx, it stands for its task's scheduler. If the caller is a task
// of the same scheduler, the new task is queued on the caller's worker. Any other caller may have
// to wait for room in the scheduler's queue, if that is limited: see scheduler.WithQueueLimit.
// Submit panics if on or fn is nil.
//
// The future's result is what fn returns. If fn panics, the error is a [*PanicError], and the
// scheduler's panic handler is not called. If fn calls runtime.Goexit, the error is [ErrGoexit]. If
// the task is cancelled before it starts, the error is the cause. If the scheduler is closed, the
// error is [ErrClosed]. If the scheduler's queue is full, the error is [ErrQueueFull].
func Submit[T any](on Starter, fn func(c *Ctx) (T, error), opts ...Option) *Future[T] {
	if fn == nil {
		panic("task: Submit with a nil function")
	}
	l := launcherOf("Submit", on)
	f := &Future[T]{}
	s := &f.s
	s.fn = fn
	c, _ := on.(*Ctx)
	if !c.life().IsCurrent() { // on may be the Ctx of another task
		c, _ = Current()
	}
	var waitCtx context.Context // nil: no context ends the wait for room in the queue
	var err error
	if f.task, err = l.start(waitCtx, c, s, extraOf(opts), opts); err != nil {
		s.skip(err)
	}
	return f
}

// Run implements rt.Runner.
func (s *submitted[T]) Run(d *rt.Task) {
	c := (*Ctx)(d.Life())
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

// Task returns the handle of the task, for example to cancel it. The task may end a moment after
// its result is there.
func (f *Future[T]) Task() Task { return f.task }

// Ready reports whether the result is there, so that Wait would return at once.
func (f *Future[T]) Ready() bool { return f.s.p.Ready() }

// Done returns a channel that is closed when the result is there, as [Completion.Done] does.
func (f *Future[T]) Done() <-chan struct{} { return f.s.p.Done() }

// Wait waits for the result, parking the task or blocking the goroutine, and returns it. Nothing
// else ends the wait. Any number of tasks and goroutines may call Wait, any number of times. If a
// task waits and the future's task has not begun, the future's task runs next on the caller's
// worker. If the caller is the future's own task, Wait returns an error, because the wait would
// never end. Wait panics if Submit did not make the future.
func (f *Future[T]) Wait() (T, error) {
	f.check()
	return f.s.p.wait(background, f.task)
}

// WaitContext is [Future.Wait], but it gives up when ctx ends and then returns the cause. Giving up
// does not affect the future's task. If the result is already there, WaitContext returns it even if
// ctx has ended.
func (f *Future[T]) WaitContext(ctx context.Context) (T, error) {
	f.check()
	return f.s.p.wait(ctx, f.task)
}

// check panics if Submit did not make f, because a wait for f would never end.
func (f *Future[T]) check() {
	if f == nil || f.s.fn == nil {
		panic(noFuture)
	}
}

const noFuture = "task: a nil Future, or one that Submit has not made, has no task to wait for: use what Submit returns"

// All waits for the futures in turn, parking the task or blocking the goroutine, and returns their
// values in the same order. If a future has an error, All returns nil and the error, and does not
// wait for the futures after it. If ctx ends first, All returns the cause. The tasks of the futures
// are not affected.
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
