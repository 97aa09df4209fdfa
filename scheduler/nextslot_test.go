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
	var ran atomic.Bool
	for range 3 {
		s.Go(func(c *task.Ctx) {
			for !ran.Load() {
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
		for !ran.Load() {
		}
	})
	finish(t, "the hog, for which the woken task waits,", func() { require.NoError(t, hog.Wait()) })
	require.NoError(t, x.Wait())
}
