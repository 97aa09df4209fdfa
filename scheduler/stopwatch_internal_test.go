package scheduler

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStopwatch(t *testing.T) {
	var w stopwatch
	clock := int64(0)
	now := func() int64 { return clock }
	require.Zero(t, w.read(now))
	w.start(5)
	clock = 8
	require.EqualValues(t, 3, w.read(now))
	w.stop(9)
	require.EqualValues(t, 4, w.read(now))
	clock = 100
	require.EqualValues(t, 4, w.read(now))
	w.start(100)
	clock = 101
	require.EqualValues(t, 5, w.read(now))
	w.stop(102)
	require.EqualValues(t, 6, w.read(now))
}

// A reader that is held up between the word and the clock looks again, and one that is faster than
// a writer that is held up there does not see the sum fall.
func TestStopwatchMeetsAStop(t *testing.T) {
	var w stopwatch
	w.start(0)
	require.EqualValues(t, 5, w.read(func() int64 {
		w.stop(5)
		return 100
	}))
	w.start(100)
	require.EqualValues(t, 55, w.read(func() int64 { return 150 }))
	w.stop(140) // read before 150
	require.EqualValues(t, 55, w.read(nil))
	w.start(200)
	require.EqualValues(t, 65, w.read(func() int64 { return 220 }))
}

// A reader that comes between a stop and a start, with a clock that goes on meanwhile, sees nothing
// fall.
func TestStopwatchDoesNotFall(t *testing.T) {
	var w stopwatch
	var clock atomic.Int64
	now := func() int64 { return clock.Add(1) }
	const rounds = 50_000
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for last := int64(0); last < rounds; {
				v := w.read(now)
				if v < last {
					t.Errorf("%d after %d", v, last)
					return
				}
				last = v
			}
		}()
	}
	for range rounds {
		w.start(now())
		now()
		w.stop(now())
	}
	wg.Wait()
}
