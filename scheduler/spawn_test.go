package scheduler_test

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// badContext is a context of the user's that panics.
type badContext struct{ context.Context }

func (badContext) Err() error { panic("a bad context") }

// If the context that Ctx.Go was passed panics, no task starts, and none is counted or waited for.
func TestSpawnUnderAContextThatPanics(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	var raised any
	root := s.Go(func(c *task.Ctx) {
		defer func() { raised = recover() }()
		c.Go(func(*task.Ctx) {}, task.Parent(badContext{context.Background()}))
	})
	require.NoError(t, root.Wait())
	require.Equal(t, "a bad context", raised)
	finish(t, "Close", func() { s.Close() })
	requireBalance(t, s)
}

// A waitingContext is a context of the user's of which Err waits.
type waitingContext struct {
	context.Context
	wait func()
}

func (x *waitingContext) Err() error {
	if f := x.wait; f != nil {
		x.wait = nil
		f()
	}
	return nil
}

// A task waits in a method of the context that it has passed to Ctx.Go, and comes back on another
// worker. The new task has to go to that worker's queue.
func TestSpawnUnderAContextThatWaits(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	for moved := false; !moved; {
		var gate tsync.Event
		var hogs, over atomic.Bool
		ran, first := false, false
		root := s.Go(func(c *task.Ctx) {
			defer over.Store(true)
			at := c.Worker()
			c.Go(func(*task.Ctx) { hogs.Store(true); testkit.Spin(over.Load) })
			go func() { testkit.Spin(hogs.Load); gate.Set() }()
			c.Go(func(*task.Ctx) { ran = true }, task.Parent(&waitingContext{context.Background(), gate.Wait}))
			moved = c.Worker() != at
			c.Yield()
			first = ran
		})
		require.NoError(t, root.Wait())
		require.True(t, first, "the new task is in the queue of another worker")
		require.NoError(t, s.Wait(t.Context()))
	}
	finish(t, "Close", func() { s.Close() })
	requireBalance(t, s)
}
