//go:build !race && !heddle_model

package scheduler_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A refusal costs no memory, whatever the submission.
func TestRejectAllocatesNothing(t *testing.T) {
	s := open(t, 1, scheduler.WithQueueLimit(1, scheduler.Reject))
	defer hold(t, s)()
	fill(t, s, 1)
	fn := func(*task.Ctx) {}
	require.Zero(t, testing.AllocsPerRun(100, func() { s.Go(fn) }))
	require.Equal(t, s.Go(fn), s.Go(fn), "one handle for all")
}
