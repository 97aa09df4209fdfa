package scheduler_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// A task that is joined from a task of another scheduler wakes it there. (It used to be run by
// the wrong one, whose count of tasks then never came to 0.)
func TestJoinAcrossSchedulers(t *testing.T) {
	a, b := open(t, 1), open(t, 1)
	var gate atomic.Bool
	for range 100 {
		gate.Store(false)
		x := a.Go(func(c *task.Ctx) {
			for !gate.Load() {
				c.Yield()
			}
		})
		y := b.Go(func(c *task.Ctx) {
			if x.WaitContext(c) != nil {
				panic("Join failed")
			}
		})
		for y.State() != task.Waiting {
			runtime.Gosched()
		}
		gate.Store(true)
		finish(t, "Join", func() { waitAll(t, []task.Task{x, y}) })
	}
	finish(t, "Shutdown", func() {
		require.NoError(t, a.Shutdown(context.Background()))
		require.NoError(t, b.Shutdown(context.Background()))
	})
	requireBalance(t, a)
	requireBalance(t, b)
}

// Ready from a task of another scheduler wakes the task on its own.
func TestReadyAcrossSchedulers(t *testing.T) {
	a, b := open(t, 1), open(t, 1)
	x := a.Go(func(c *task.Ctx) { c.Park() })
	for x.State() != task.Waiting {
		runtime.Gosched()
	}
	y := b.Go(func(c *task.Ctx) { c.Ready(x) })
	finish(t, "Ready", func() { waitAll(t, []task.Task{x, y}) })
}
