package tsync

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// TestDoneLetsOutsidersIn checks that a worker lets in a goroutine that its task has woken by Done,
// which is not told its caller. The worker must do so on the only P before the Go runtime would
// preempt the task.
func TestDoneLetsOutsidersIn(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	for range 100 { // the runtime may be faster now and then
		var g WaitGroup
		g.Add(1)
		var in atomic.Bool
		t1 := s.Go(func(c *task.Ctx) {
			for length(&g.mu, &g.queue) == 0 {
				runtime.Gosched()
			}
			g.Done()
			for !in.Load() {
				c.Checkpoint()
			}
		})
		require.NoError(t, g.WaitContext(bg))
		in.Store(true)
		for t1.State() != task.Done { // Wait would make this goroutine one more outsider
			runtime.Gosched()
		}
	}
	require.NoError(t, s.Close())
	require.Positive(t, s.Stats().LetIns)
}
