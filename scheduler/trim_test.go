package scheduler

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// Idle fibers are ended while workers switch between others; no switch meets the reaper. It is
// for the race detector: the reaper must not look into slots that it does not own.
func TestTrimBesideSwitches(t *testing.T) {
	s, err := New(WithWorkers(4))
	require.NoError(t, err)
	var stop atomic.Bool
	for range 20 {
		s.Go(func(c *task.Ctx) {
			for !stop.Load() {
				// A burst of tasks that suspend leaves fibers behind.
				var ts []task.Task
				for range 20 {
					ts = append(ts, c.Go(func(c *task.Ctx) { c.Yield(); c.Yield() }))
				}
				for _, x := range ts {
					if x.Join(c) != nil {
						return
					}
				}
			}
		})
	}
	for i := range 300 {
		s.loopers.trim()
		if i%10 == 0 {
			if err := s.Go(func(*task.Ctx) {}).Wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	require.NoError(t, s.Close())
	require.Zero(t, s.Stats().Stranded)
}
