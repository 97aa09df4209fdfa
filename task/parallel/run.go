package parallel

import (
	"fmt"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Run starts a task that calls fn, by the Go method of on. It waits until fn has returned, parking
// the calling task or blocking the calling goroutine. An ordinary goroutine enters parallel code by
// Run:
//
//	n, err := parallel.Run(sched, func(c *task.Ctx) (int, error) { return fib.Call(c, 40), nil })
//	squares, err := parallel.Run(sched, func(c *task.Ctx) ([]int, error) {
//		return parallel.Map(c, xs, square)
//	})
//
// Run returns the results of fn. If fn did not run because the scheduler is closed, the error is
// [task.ErrClosed]. If fn did not run because the task was cancelled before it started, the error
// is the cause. If the scheduler's queue is full, the error may be [task.ErrQueueFull]. If fn
// called runtime.Goexit, the error is [task.ErrGoexit]. If fn panicked, Run panics with a
// [*task.PanicError] that has the value and the stack, after the calls that fn forked have ended.
//
// A task of the same scheduler need not call Run. It can call fn itself.
func Run[R any](on task.Starter, fn func(c *task.Ctx) (R, error), opts ...task.Option) (R, error) {
	if fn == nil {
		panic("parallel: Run with a nil function")
	}
	if c, isCtx := on.(*task.Ctx); on == nil || isCtx && c == nil {
		panic("parallel: Run with a nil Starter: pass a scheduler, or a task's Ctx")
	}
	e := &entry[R]{fn: fn}
	err := on.Go(e.run, opts...).Wait()
	switch {
	case e.failure != nil:
		panic(e.failure)
	case e.returned:
		return e.res, e.err
	}
	return e.res, err
}

// An entry is one call of Run.
type entry[R any] struct {
	fn       func(c *task.Ctx) (R, error)
	res      R
	err      error
	returned bool
	failure  *task.PanicError
}

func (e *entry[R]) run(c *task.Ctx) {
	whole := false
	defer func() {
		switch {
		case whole:
		case exits():
			e.failure, _ = (*rt.Life)(c).Task().TakeFailure().(*task.PanicError)
		default:
			e.failure = unwindPanic(c, 0, recover())
		}
	}()
	e.res, e.err = e.fn(c)
	whole = true
	// The check is here because its panic should reach the caller of Run, like fn's other panics.
	// The worker checks again at the task's end, but a panic there would end the process.
	if n := (*rt.Life)(c).Task().EndOpenCalls(); n > 0 {
		e.failure = &task.PanicError{
			Value: fmt.Sprintf("parallel: Run of a function that returned with %d forked calls not joined: join each Fork before the function that forked it returns", n),
			Stack: debug.Stack(),
		}
		return
	}
	e.returned = true
}
