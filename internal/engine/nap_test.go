package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// After exactNaps readings in one value of coarse, the last one is the time until coarse changes.
func TestNapClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &clock{start: time.Now()}
		var naps napClock
		for range 3 {
			for range exactNaps {
				time.Sleep(time.Microsecond)
				require.Equal(t, c.now(), naps.now(c, false))
			}
			last := c.now()
			time.Sleep(10 * time.Millisecond)
			require.Equal(t, last, naps.now(c, false))
			require.Equal(t, c.now(), naps.now(c, true))
			c.setCoarse(c.now())
		}
	})
}

// A worker naps more often than it reads the clock, and then sleeps for so long that sysmon sleeps
// too: the long sleep counts as idle. A worker that comes back begins with the present time.
func TestLongSleepAfterManyNaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, withWorkers(1))
		synctest.Wait()
		for range exactNaps + 1 {
			_ = s.Go(func(*task.Ctx) {}).Wait()
			synctest.Wait()
		}
		w := s.workers()[0]
		require.Equal(t, exactNaps, w.naps.n)
		time.Sleep(time.Hour)
		require.True(t, s.mon.Asleep())
		_ = s.Go(func(*task.Ctx) {}).Wait()
		synctest.Wait()
		require.Zero(t, w.busy.Read(s.now))
		require.Equal(t, int64(time.Hour), w.sleepTime.Read(s.now))
	})
}
