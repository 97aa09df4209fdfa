package scheduler_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func init() {
	children["afterfunc"] = func() {
		s, err := scheduler.New(scheduler.WithWorkers(1))
		if err != nil {
			panic(err)
		}
		defer func() { _ = recover() }() // it is not the canceller's panic
		ready, ended := make(chan struct{}), make(chan error, 1)
		x := s.Go(func(c *task.Ctx) {
			c.AfterFunc(func() {
				fmt.Fprintln(os.Stderr, "the task ended with", <-ended)
				panic("of the callback")
			})
			close(ready)
			_ = c.Park()
		})
		<-ready
		x.Cancel()
		ended <- x.Wait()
		select {}
	}
}

// A panic of a function that was given to AfterFunc ends the program, as a panic of any goroutine
// does. By then the task has been cancelled.
func TestAfterFuncPanics(t *testing.T) {
	code, stderr := child(t, "afterfunc")
	require.Equal(t, 2, code)
	require.Contains(t, stderr, "the task ended with context canceled\npanic: of the callback\n\ngoroutine ")
}

// Many tasks that are parked under one context are cancelled by its end, with its cause.
func TestManyTasksUnderOneContext(t *testing.T) {
	eachCount(t, []int{1, 4}, func(t *testing.T, n int) {
		s := open(t, n)
		for range 3 {
			ctx, cancel := context.WithCancelCause(context.Background())
			var xs []task.Task
			for range scale(10_000) {
				xs = append(xs, s.GoContext(ctx, func(c *task.Ctx) { _ = c.Park() }))
			}
			for _, x := range xs[:10] {
				awaitState(x, task.Waiting)
			}
			cancel(errCause)
			for _, x := range xs {
				require.Equal(t, errCause, x.Wait())
			}
		}
	})
}

var errCause = fmt.Errorf("cause")
