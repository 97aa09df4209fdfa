package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// The clock is read exactNaps times in each value of coarse, or always.
func TestNapCount(t *testing.T) {
	var n, always napCount
	always.always = true
	for coarse := range uint32(3) {
		for range exactNaps {
			require.True(t, n.due(coarse))
			require.True(t, always.due(coarse))
		}
		require.False(t, n.due(coarse))
		require.False(t, n.due(coarse))
		require.True(t, always.due(coarse))
	}
}

// A worker falls asleep more often than it reads the clock, and then sleeps for so long that sysmon
// sleeps too. The long sleep counts as idle.
func TestLongSleepAfterManyNaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, withWorkers(1))
		synctest.Wait()
		for range exactNaps {
			_ = s.Go(func(*task.Ctx) {}).Wait()
			synctest.Wait()
		}
		w := s.workers()[0]
		require.False(t, w.napDue())
		time.Sleep(time.Hour)
		require.True(t, s.mon.Asleep())
		_ = s.Go(func(*task.Ctx) {}).Wait()
		synctest.Wait()
		require.Zero(t, w.duty.Busy(s.now))
		require.Equal(t, int64(time.Hour), w.duty.Idle(s.now))
	})
}
