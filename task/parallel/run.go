package parallel

import (
	"fmt"
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Run calls fn as a task that on starts and waits until it has returned, parking the calling task or blocking the calling goroutine. It is the
// way into parallel code for ordinary goroutines:
//
//	n, err := parallel.Run(sched, func(c *task.Ctx) (int, error) { return fib.Call(c, 40), nil })
//	squares, err := parallel.Run(sched, func(c *task.Ctx) ([]int, error) { return parallel.Map(c, xs, square) })
//
// It returns what fn returned. If fn did not run, since the scheduler is closed or the task was cancelled before it
// started, the error is [task.ErrClosed] or the cause; if its queue is full, it may be [task.ErrQueueFull]; if fn called runtime.Goexit, it is [task.ErrGoexit].
// If fn panicked, Run panics with a [*task.PanicError] that has the value and the stack, after the calls that fn had
// forked have ended.
//
// A task of the same scheduler need not call Run: it calls fn.
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
			e.failure, _ = (*rt.Task)(c).TakeFailure().(*task.PanicError)
		default:
			e.failure = unwindPanic(c, 0, recover())
		}
	}()
	e.res, e.err = e.fn(c)
	whole = true
	// Found here, it is the caller's panic, as the others are, and not the program's end.
	if n := (*rt.Task)(c).Settle(); n > 0 {
		e.failure = &task.PanicError{
			Value: fmt.Sprintf("parallel: Run of a function that returned with %d forked calls not joined: join each Fork before the function that forked it returns", n),
			Stack: debug.Stack(),
		}
		return
	}
	e.returned = true
}
