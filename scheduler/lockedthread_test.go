package scheduler_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func init() {
	children["lock-and-yield"] = func() {
		s, _ := scheduler.New(scheduler.WithWorkers(1))
		x := s.Go(func(c *task.Ctx) {
			parked := c.Go(func(c *task.Ctx) { c.Park() })
			for parked.State() != task.Waiting {
				c.Yield()
			}
			c.Ready(parked)
			runtime.LockOSThread()
			c.Yield() // to a fiber that was made by an unlocked goroutine
		})
		x.Wait()
	}
}

// A task that locks its thread and then suspends is fatal (fact 1 in ARCHITECTURE.md): the Go
// runtime says so.
func TestLockingTaskIsFatal(t *testing.T) {
	code, out := child(t, "lock-and-yield")
	require.Equal(t, 2, code)
	require.Contains(t, out, "coro: OS thread locking must match locking at coroutine creation")
}
