package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// Submissions that give up beside the end of their deadline: for the race detector.
func TestGiveUpBesideADeadline(t *testing.T) {
	s := open(t, withWorkers(1), withQueueLimit(1, Block))
	var release atomic.Bool
	hog := s.Go(func(c *task.Ctx) {
		for !release.Load() {
			c.Checkpoint()
		}
	})
	testkit.Until(t, "the hog runs", func() bool { return hog.State() == task.Running })
	s.Go(func(*task.Ctx) {})
	for range 200 {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Microsecond)
		g, _ := task.NewGroupContext(context.WithValue(context.Background(), testkit.Patience, 1), s)
		_ = g.GoContext(ctx, func(*task.Ctx) error { return nil }, task.Timeout(50*time.Microsecond))
		cancel()
	}
	release.Store(true)
}
