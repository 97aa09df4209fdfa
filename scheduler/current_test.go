package scheduler_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Current finds the task on a new fiber, on one that has served before, after a move, after a
// wake-up, and inside task.Pull. For other callers it finds none: goroutines, and functions of
// Blocking, on the spot or not.
func TestCurrent(t *testing.T) {
	is := func(want *task.Ctx) {
		if c, ok := task.Current(); c != want || ok != (want != nil) {
			panic("Current found another task than the caller")
		}
	}
	for _, n := range workerCounts {
		s, err := scheduler.New(scheduler.WithWorkers(n))
		require.NoError(t, err)
		for range 20 {
			s.Go(func(c *task.Ctx) {
				is(c)
				next, stop := task.Pull(c, func(yield func(int) bool) {
					is(c)
					for i := 0; yield(i); i++ {
						is(c)
						c.Yield()
						is(c)
					}
				})
				defer stop()
				for i := range 100 {
					c.Yield()
					is(c)
					next()
					is(c)
					if i%25 == 0 {
						child := c.Go(func(c *task.Ctx) { is(c) })
						if err := c.Blocking(func() { is(nil) }); err != nil {
							panic(err)
						}
						is(c)
						if err := c.BlockingOrAbandon(func() { is(nil) }); err != nil {
							panic(err)
						}
						is(c)
						if err := child.Wait(); err != nil {
							panic(err)
						}
						is(c)
					}
				}
			})
		}
		for range 1000 {
			is(nil)
			runtime.Gosched()
		}
		require.NoError(t, s.Shutdown(t.Context()))
		is(nil)
	}
}
