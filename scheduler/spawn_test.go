package scheduler_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
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
