package schedhttp

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// The latencies of a window are those since its oldest reading. Durations that were measured before
// that reading do not show, and next forgets readings that are older than five seconds.
func TestWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithLatencies(scheduler.Exact))
		require.NoError(t, err)
		defer s.Close()
		h := Handler(s).(*handler)
		read := func() Latency { return h.feed.read().Schedulers[0].Latencies.Dispatch }
		run := func(n int, d time.Duration) { // n dispatches of length d, by the bubble's clock
			for range n {
				require.NoError(t, s.Go(func(*task.Ctx) { time.Sleep(d) }).Wait())
			}
			synctest.Wait() // the worker has counted them
		}
		run(100, time.Second)
		first := read()
		require.EqualValues(t, 100, first.Count, "the first reading is of the whole life")
		require.InEpsilon(t, 1000, first.P50MS, .13)

		run(98, time.Millisecond)
		run(2, 100*time.Millisecond)
		got := read()
		require.EqualValues(t, 100, got.Count)
		require.InEpsilon(t, 1, got.P50MS, .13)
		require.InEpsilon(t, 100, got.P99MS, .13)
		require.InEpsilon(t, 100, got.P999MS, .13)
		require.InEpsilon(t, 100, got.MaxMS, .13)
		whole := h.sample(nil).Schedulers[0].Latencies
		require.EqualValues(t, 200, whole.Dispatch.Count)
		require.Zero(t, whole.OverMS)

		for range windowLen {
			time.Sleep(interval)
			got = read()
		}
		require.Zero(t, got, "all is older than five seconds")
		time.Sleep(interval)
		require.EqualValues(t, windowTime/time.Millisecond, h.feed.read().Schedulers[0].Latencies.OverMS)
		time.Sleep(time.Minute) // no viewer
		require.EqualValues(t, 200, read().Count, "there is no reading of the last seconds")
	})
}

// A scheduler that measures nothing has no latencies.
func TestNoLatencies(t *testing.T) {
	h := Handler(open(t)).(*handler)
	require.Nil(t, h.sample(nil).Schedulers[0].Latencies)
	require.Nil(t, h.feed.read().Schedulers[0].Latencies)
}
