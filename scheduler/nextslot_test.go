package scheduler_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A task that a hog has made ready has a turn, although the other worker always has tasks of its
// own and so neither sleeps nor searches. sysmon empties the next slot as it empties the queue.
func TestNextSlotBehindAHog(t *testing.T) {
	s := open(t, 2, scheduler.WithQuantum(time.Millisecond), scheduler.WithStallAfter(0))
	const enough = 20_000_000 // turns of the others while sysmon ticks a few times
	var stop, ran, gaveUp atomic.Bool
	var turns atomic.Int64
	for range 3 {
		s.Go(func(c *task.Ctx) {
			for !stop.Load() {
				turns.Add(1)
				c.Yield()
			}
		})
	}
	x := s.Go(func(c *task.Ctx) {
		_ = c.Park()
		ran.Store(true)
	})
	awaitState(x, task.Waiting)
	hog := s.Go(func(c *task.Ctx) {
		c.Ready(x)
		for before := turns.Load(); !ran.Load(); {
			if turns.Load()-before > enough {
				gaveUp.Store(true)
				break
			}
		}
	})
	require.NoError(t, hog.Wait())
	stop.Store(true)
	require.NoError(t, x.Wait())
	require.False(t, gaveUp.Load(), "the woken task has waited for the hog")
}
