package scheduler_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// TestHere: a task finds its own worker, fresh, moved or woken, whatever it is told to look at first; and nobody else finds any.
func TestHere(t *testing.T) {
	found := runtime.GOARCH == "amd64"
	check := func(c *task.Ctx, guess *rt.Worker) {
		var want *rt.Worker
		if found {
			want = (*rt.Desc)(c).Worker()
		}
		if got := rt.Here(guess); got != want {
			panic("Here found another worker than the task's")
		}
	}
	workerOf := func(s *scheduler.Scheduler) (w *rt.Worker) {
		require.NoError(t, s.Go(func(c *task.Ctx) { w = (*rt.Desc)(c).Worker() }).Wait())
		return w
	}
	for _, n := range workerCounts {
		s, err := scheduler.New(scheduler.WithWorkers(n))
		require.NoError(t, err)
		other, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		one, foreign := workerOf(s), workerOf(other)
		for range 20 {
			s.Go(func(c *task.Ctx) {
				check(c, nil)
				for i := range 100 {
					before := (*rt.Desc)(c).Worker()
					c.Yield()
					check(c, nil)
					check(c, before)
					check(c, one)
					check(c, foreign)
					if i%25 == 0 {
						c.Go(func(c *task.Ctx) { check(c, before) })
						if err := c.Blocking(func() {
							if rt.Here(before) != nil {
								panic("a goroutine found a worker")
							}
						}); err != nil {
							panic(err)
						}
						check(c, before)
					}
				}
			})
		}
		for range 1000 {
			require.Nil(t, rt.Here(one))
			runtime.Gosched()
		}
		require.NoError(t, s.Shutdown(t.Context()))
		require.NoError(t, other.Close())
		require.Nil(t, rt.Here(one))
	}
}
