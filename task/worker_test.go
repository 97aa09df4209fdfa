package task_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// TestWorker: the result is the index of the worker that the caller runs on, whichever c it asks,
// and -1 if the caller runs on none.
func TestWorker(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		n := s.Workers()
		other, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		var outer *task.Ctx
		var bad atomic.Int64
		require.NoError(t, s.Go(func(c *task.Ctx) {
			outer = c
			var inside [64]int // by worker: the number of tasks there between two yields
			var g task.Group
			for range 40 {
				g.Go(func(mine *task.Ctx) error {
					for range 50 {
						w := mine.Worker()
						if w < 0 || w >= n || w != c.Worker() {
							bad.Add(1)
							return nil
						}
						inside[w]++
						if inside[w] != 1 {
							bad.Add(1)
						}
						inside[w]--
						mine.Yield()
					}
					return nil
				})
			}
			if g.Wait() != nil || c.Blocking(func() {
				if c.Worker() != -1 {
					bad.Add(1)
				}
			}) != nil {
				bad.Add(1)
			}
			if other.Go(func(*task.Ctx) {
				if c.Worker() != 0 {
					bad.Add(1)
				}
			}).Wait() != nil {
				bad.Add(1)
			}
		}).Wait())
		require.Zero(t, bad.Load())
		require.Equal(t, -1, outer.Worker())
		require.NoError(t, other.Close())
	})
}

func ExampleCtx_Worker() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	type padded struct {
		n int
		_ [120]byte // so that two workers never write to one cache line
	}
	counts := make([]padded, s.Workers())
	g := task.NewGroup(s)
	for range 1000 {
		g.Go(func(c *task.Ctx) error {
			counts[c.Worker()].n++ // needs no lock: a worker runs only one task at a time
			return nil
		})
	}
	_ = g.Wait()
	sum := 0
	for _, x := range counts {
		sum += x.n
	}
	fmt.Println(sum)
	// Output: 1000
}
