//go:build !race && !heddle_model

package task_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A group under a limit allocates nothing for a member, although Go waits for a place nearly every
// time. (Not under the race detector, where a sync.Pool drops values at random.)
func TestLimitedGroupDoesNotAllocate(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	const members = 1000
	allocs := 0.0
	require.NoError(t, s.Go(func(c *task.Ctx) {
		member := func(*task.Ctx) error { return nil }
		g := task.NewGroup(c)
		g.SetLimit(2)
		allocs = testing.AllocsPerRun(20, func() {
			for range members {
				g.Go(member)
			}
			if g.Wait() != nil {
				panic("a member has failed")
			}
		})
	}).Wait())
	require.Less(t, allocs, float64(members)/20, "allocations for %d members; a collection may empty the pools", members)
}
