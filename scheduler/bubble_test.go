package scheduler_test

import (
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A wait for a task works inside a bubble after one outside, and the other way round: waiters hold
// channels, which must not move between the two. A mistake hangs, so the test runs in a process of
// its own.
func TestWaitersDoNotWanderBetweenBubbles(t *testing.T) {
	const inner = "HEDDLE_TEST_INNER"
	if os.Getenv(inner) == "" {
		cmd := selfexec.Command(t.Context(), "-test.run=^"+t.Name()+"$", "-test.timeout=10s")
		cmd.Env = append(os.Environ(), inner+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, head(string(out), 20))
		return
	}
	wait := func(t *testing.T) {
		s, err := scheduler.New(scheduler.WithWorkers(2))
		require.NoError(t, err)
		defer s.Close()
		for range 10 {
			require.NoError(t, s.Go(func(c *task.Ctx) { c.Sleep(time.Millisecond) }).Wait())
		}
	}
	for range 3 {
		wait(t)
		synctest.Test(t, wait)
	}
}

// In a bubble, time is fake: an hour's sleep takes none, and Close leaves nothing behind, which
// the bubble itself checks.
func TestInABubble(t *testing.T) {
	for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.None} {
		synctest.Test(t, func(t *testing.T) {
			s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithPinning(p))
			require.NoError(t, err)
			start := time.Now()
			ended := make(chan time.Duration, 100)
			for i := range 100 {
				s.Go(func(c *task.Ctx) {
					if c.Sleep(time.Duration(i+1)*time.Hour) == nil {
						ended <- time.Since(start)
					}
				})
			}
			for i := range 100 {
				require.Equal(t, time.Duration(i+1)*time.Hour, <-ended)
			}
			s.Go(func(c *task.Ctx) { c.Sleep(time.Hour) })
			require.NoError(t, s.Close())
		})
	}
}
