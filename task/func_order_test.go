package task_test

import (
	"context"
	"runtime/pprof"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/label"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// The short way from one task to the next leaves out nothing that the general way does: what goes
// before the next draft, and what has to be cleaned up after the last one. Draft number at does
// something in the middle of a batch of n, and does it before the looks for work until the next
// stop.
func TestFuncShortWay(t *testing.T) {
	const n, at, special = 40, 5, -1
	run := func(t *testing.T, middle func(c *task.Ctx, got *[]int), each func(c *task.Ctx)) (got []int) {
		s, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		f := task.Define(func(c *task.Ctx, i int) {
			got = append(got, i)
			each(c)
			if i == at {
				middle(c, &got)
			}
		})
		s.Go(func(c *task.Ctx) {
			for i := range n {
				_ = f.Go(c, i)
			}
		})
		require.NoError(t, s.Shutdown(t.Context()))
		return got
	}
	nothing := func(*task.Ctx) {}
	t.Run("high task", func(t *testing.T) {
		got := run(t, func(c *task.Ctx, got *[]int) {
			c.Go(func(*task.Ctx) { *got = append(*got, special) }, task.Priority(task.High))
		}, nothing)
		require.Less(t, slices.Index(got, special), at+4, "%v", got)
	})
	t.Run("child", func(t *testing.T) {
		got := run(t, func(c *task.Ctx, got *[]int) {
			c.Go(func(*task.Ctx) { *got = append(*got, special) })
		}, nothing)
		require.Equal(t, at+1, slices.Index(got, special), "%v", got)
	})
	t.Run("order of siblings", func(t *testing.T) {
		got := run(t, func(c *task.Ctx, got *[]int) {
			note := task.Define(func(_ *task.Ctx, i int) { *got = append(*got, i) })
			for i := range 3 {
				_ = note.Go(c, special-i)
			}
		}, nothing)
		require.Equal(t, []int{special, special - 1, special - 2}, got[at+1:at+4], "%v", got)
	})
	t.Run("labels", func(t *testing.T) {
		run(t, func(*task.Ctx, *[]int) {
			pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("a", "b")))
		}, func(*task.Ctx) { assert.False(t, label.Any(), "labels of the task before") })
	})
	t.Run("labelled child", func(t *testing.T) {
		labelled := pprof.WithLabels(context.Background(), pprof.Labels("a", "b"))
		seen := 0
		run(t, func(c *task.Ctx, got *[]int) {
			c.Go(func(*task.Ctx) {
				if label.Any() {
					seen++
				}
			}, task.Parent(labelled))
			c.Go(nothing) // goes first, and ends as it began
		}, nothing)
		require.Equal(t, 1, seen)
	})
	t.Run("cancelled child", func(t *testing.T) {
		ran := 0
		run(t, func(c *task.Ctx, got *[]int) {
			for i := range 5 {
				child := c.Go(func(*task.Ctx) { ran++ })
				if i == 1 {
					child.Cancel()
				}
			}
		}, nothing)
		require.Equal(t, 4, ran)
	})
}

// Drafts that start one another for ever starve neither a task that yields nor one from outside.
func TestFuncStarvesNobody(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	for _, escapes := range []bool{false, true} {
		testFuncStarvesNobody(t, s, escapes)
	}
}

// If escapes, the descriptor of each draft serves no other task.
func testFuncStarvesNobody(t *testing.T, s *scheduler.Scheduler, escapes bool) {
	const n, later, yields = 2000, 500, 50
	turns, turnsThen, submitted, inTime := 0, 0, false, false
	var chain *task.Func[int]
	chain = task.Define(func(c *task.Ctx, i int) {
		if escapes {
			_ = c.Err()
		}
		switch i {
		case later:
			turnsThen = turns
			s.Go(func(*task.Ctx) { submitted = true })
		case n:
			inTime = submitted
			return
		}
		_ = chain.Go(c, i+1)
	})
	require.NoError(t, s.Go(func(c *task.Ctx) {
		c.Go(func(c *task.Ctx) {
			for turns < yields {
				c.Yield()
				turns++
			}
		})
		c.Yield()
		_ = chain.Go(c, 1)
	}).Wait())
	require.NoError(t, s.Wait(context.Background()))
	assert.Equal(t, yields, turnsThen, "turns of a task that yields, beside %d others", later)
	assert.True(t, inTime, "%d tasks have passed the submitted one", n-later)
}
