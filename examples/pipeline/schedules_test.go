package main

import (
	"context"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/cli"
	"github.com/heddle-go/heddle/scheduler/schedtest"
	"github.com/heddle-go/heddle/task"
)

// Whatever the order in which the stages' tasks go on, each file comes through once.
func TestSumsInAnyOrder(t *testing.T) {
	root := tree(t, 3)
	want := &pass{sums: naive(t, root)}
	want.seal()
	schedules := 100
	if testing.Short() {
		schedules = 20
	}
	bar := cli.Count(io.Discard, "", 0, "files")
	defer bar.Stop()
	schedtest.Run(t, schedtest.Config{Schedules: schedules}, func(c *task.Ctx) {
		t := schedtest.TOf(c)
		p, err := flow(c, c, settings{root: root, workers: 2, readers: 2, bound: 1}, bar)
		require.NoError(t, err)
		p.seal()
		require.Equal(t, want.sums, p.sums)
	})
}

// Wherever one stage is cancelled, all end, with an error or as if nothing had been.
func TestStagesCancelledAnywhere(t *testing.T) {
	root := tree(t, 2)
	schedules := 100
	if testing.Short() {
		schedules = 20
	}
	bar := cli.Count(io.Discard, "", 0, "files")
	defer bar.Stop()
	faults := schedtest.Faults{Cancel: []string{"walk", "read", "hash", "collect"}}
	schedtest.Run(t, schedtest.Config{Schedules: schedules, Faults: faults}, func(c *task.Ctx) {
		p, err := flow(c, c, settings{root: root, workers: 1, readers: 1, bound: 1}, bar)
		if err != nil {
			require.ErrorIs(schedtest.TOf(c), err, context.Canceled)
			return
		}
		require.Len(schedtest.TOf(c), p.sums, 3)
	})
}
