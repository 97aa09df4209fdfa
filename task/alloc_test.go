//go:build !race && !heddle_model

package task_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A group allocates nothing for a member: neither under a limit, although Go waits for a place
// nearly every time, nor under a context that has no values. (Not under the race detector, where a
// sync.Pool drops values at random.)
func TestMembersDoNotAllocate(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	for name, group := range map[string]func(c *task.Ctx) *task.Group{
		"limit": func(c *task.Ctx) *task.Group {
			g := task.NewGroup(c)
			g.SetLimit(2)
			return g
		},
		"background": func(c *task.Ctx) *task.Group {
			g, _ := task.NewGroupContext(context.Background(), c)
			return g
		},
		"task": func(c *task.Ctx) *task.Group {
			g, _ := task.NewGroupContext(c, c)
			return g
		},
	} {
		const members = 1000
		allocs := 0.0
		require.NoError(t, s.Go(func(c *task.Ctx) {
			member := func(*task.Ctx) error { return nil }
			allocs = testing.AllocsPerRun(20, func() {
				g := group(c)
				for range members {
					g.Go(member)
				}
				if g.Wait() != nil {
					panic("a member has failed")
				}
			})
		}).Wait())
		require.Less(t, allocs, float64(members)/20, "%s: allocations for %d members; a collection may empty the pools", name, members)
	}
}
