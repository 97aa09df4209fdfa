package stopwatch

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStopwatch(t *testing.T) {
	var w Watch
	clock := int64(0)
	now := func() int64 { return clock }
	require.Zero(t, w.Read(now))
	w.Start(5)
	clock = 8
	require.EqualValues(t, 3, w.Read(now))
	w.Stop(9)
	require.EqualValues(t, 4, w.Read(now))
	clock = 100
	require.EqualValues(t, 4, w.Read(now))
	w.Start(100)
	clock = 101
	require.EqualValues(t, 5, w.Read(now))
	w.Stop(102)
	require.EqualValues(t, 6, w.Read(now))
}

// A reader that is held up between the word and the clock looks again, and one that is faster than
// a writer that is held up there does not see the sum fall.
func TestStopwatchMeetsAStop(t *testing.T) {
	var w Watch
	w.Start(0)
	require.EqualValues(t, 5, w.Read(func() int64 {
		w.Stop(5)
		return 100
	}))
	w.Start(100)
	require.EqualValues(t, 55, w.Read(func() int64 { return 150 }))
	w.Stop(140) // read before 150
	require.EqualValues(t, 55, w.Read(nil))
	w.Start(200)
	require.EqualValues(t, 65, w.Read(func() int64 { return 220 }))
}

// A reader that comes between a stop and a start, with a clock that goes on meanwhile, sees nothing
// fall.
func TestStopwatchDoesNotFall(t *testing.T) {
	var w Watch
	var clock atomic.Int64
	now := func() int64 { return clock.Add(1) }
	const rounds = 50_000
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for last := int64(0); last < rounds; {
				v := w.Read(now)
				if v < last {
					t.Errorf("%d after %d", v, last)
					return
				}
				last = v
			}
		}()
	}
	for range rounds {
		w.Start(now())
		now()
		w.Stop(now())
	}
	wg.Wait()
}
