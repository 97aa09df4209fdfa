package scheduler_test

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// A million tasks parked at once, and a million queued.
func TestAMillion(t *testing.T) {
	if testing.Short() || testkit.Race {
		t.Skip("it takes 3 GB; step test of .ci/run runs it")
	}
	const million = 1_000_000
	defer debug.SetGCPercent(debug.SetGCPercent(400)) // each cycle looks at a million stacks
	s := open(t, 2)
	var ran, up atomic.Int64
	all, ranAll := make(chan struct{}), make(chan struct{})
	hog := s.Go(func(c *task.Ctx) {
		for range million {
			c.Go(func(c *task.Ctx) {
				if up.Add(1) == million {
					close(all)
				}
				if c.Park() == nil {
					ran.Add(1)
				}
			})
			c.Checkpoint()
		}
	})
	require.NoError(t, hog.Wait())
	<-all
	var gate atomic.Bool
	var held atomic.Int64
	for range 2 {
		s.Go(func(c *task.Ctx) {
			held.Add(1)
			for !gate.Load() {
			}
		})
	}
	for held.Load() < 2 {
		runtime.Gosched()
	}
	for range million {
		s.Go(func(*task.Ctx) {
			if ran.Add(1) == million {
				close(ranAll)
			}
		})
	}
	require.GreaterOrEqual(t, s.Stats().Queued, million)
	gate.Store(true)
	<-ranAll
	s.Close()
	require.EqualValues(t, million, ran.Load())
}
