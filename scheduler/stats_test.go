package scheduler_test

import (
	"fmt"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// In a bubble all times are known: a worker is idle while no task is there, and busy while one
// holds it. A pause counts as idle.
func TestBusyAndIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1)
		times := func() (busy, idle time.Duration) {
			w := s.Stats().PerWorker[0]
			return w.Busy, w.Idle
		}
		synctest.Wait()
		time.Sleep(time.Hour)
		busy, idle := times() // asleep, and before it wakes
		require.Zero(t, busy)
		require.Equal(t, time.Hour, idle)
		_ = s.Go(func(*task.Ctx) { time.Sleep(time.Minute) }).Wait()
		synctest.Wait()
		busy, idle = times()
		require.Equal(t, time.Minute, busy)
		require.Equal(t, time.Hour, idle)
		require.NoError(t, s.Pause(t.Context()))
		s.Go(func(*task.Ctx) {})
		time.Sleep(time.Second)
		_, idle = times()
		require.Equal(t, time.Hour+time.Second, idle)
		s.Resume()
		require.NoError(t, s.Close())
		time.Sleep(time.Hour)
		busy2, idle2 := times()
		require.Equal(t, busy, busy2, "after the end")
		require.Equal(t, idle, idle2, "after the end")
	})
}

// A worker that has left is neither busy nor idle.
func TestBusyAndIdleAfterResize(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 2)
		synctest.Wait()
		time.Sleep(time.Second)
		require.NoError(t, s.Resize(1))
		synctest.Wait()
		time.Sleep(time.Second)
		st := s.Stats()
		require.Equal(t, 2*time.Second, st.PerWorker[0].Idle)
		require.Equal(t, time.Second, st.PerWorker[1].Idle)
		require.Zero(t, st.PerWorker[1].Busy)
	})
}

// The tasks by state, and the queues by level.
func TestStatsByState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithStallAfter(0))
		release := make(chan struct{})
		for range 3 {
			s.Go(func(c *task.Ctx) { _ = c.Park() })
		}
		s.GoAfter(time.Hour, func(*task.Ctx) {})
		synctest.Wait()
		st := s.Stats()
		require.Equal(t, [4]int{4, 0, 0, 4}, [4]int{st.Live, st.Running, st.Queued, st.Waiting})

		s.Go(func(c *task.Ctx) {
			c.Go(func(*task.Ctx) {})
			<-release
		})
		synctest.Wait()
		for level, n := range map[task.Level]int{task.Normal: 2, task.High: 3, task.Low: 4} {
			for range n {
				s.Go(func(*task.Ctx) {}, task.Priority(level))
			}
		}
		st = s.Stats()
		require.Equal(t, 1, st.Running)
		require.Equal(t, 10, st.Queued)
		require.Equal(t, [3]int{2, 3, 4}, [3]int{st.QueuedShared, st.QueuedHigh, st.QueuedLow})
		require.Equal(t, 1, st.PerWorker[0].Queued)
		close(release)
	})
}

// The goroutines for blocking calls, and how many of them are spare.
func TestStatsOfBlockers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithPinning(scheduler.Fixed), scheduler.WithBlockingLimit(2))
		release := make(chan struct{})
		for range 3 {
			s.Go(func(c *task.Ctx) { c.Blocking(func() { <-release }) })
		}
		synctest.Wait()
		st := s.Stats()
		require.Equal(t, [4]int{2, 1, 2, 0}, [4]int{st.CallsRunning, st.CallsQueued, st.Blockers, st.IdleBlockers})
		close(release)
		synctest.Wait()
		st = s.Stats()
		require.Equal(t, [4]int{0, 0, 2, 2}, [4]int{st.CallsRunning, st.CallsQueued, st.Blockers, st.IdleBlockers})
	})
}

func TestRefusedAfterShutdown(t *testing.T) {
	s := open(t, 1)
	require.NoError(t, s.Shutdown(t.Context()))
	require.ErrorIs(t, s.Go(func(*task.Ctx) {}).Err(), task.ErrClosed)
	require.ErrorIs(t, s.GoAfter(1, func(*task.Ctx) {}).Err(), task.ErrClosed)
	require.EqualValues(t, 2, s.Stats().Refused)
	require.Zero(t, s.Stats().Spawned)
}

// While tasks start, wait, yield and end, no counter of Stats ever falls, and neither do the counts
// and sums of its histograms.
func TestStatsNeverFall(t *testing.T) {
	s := open(t, 4, scheduler.WithLatencies(scheduler.Exact), scheduler.WithLatenciesByName(2), scheduler.WithQuantum(scheduler.MinQuantum))
	var enough atomic.Bool
	var roots []task.Task
	for range 8 {
		roots = append(roots, s.Go(func(c *task.Ctx) {
			for more := true; more; more = !enough.Load() {
				x := c.Go(func(c *task.Ctx) { c.Yield() }, task.Name("child"))
				_ = c.Sleep(1)
				parallel.Do(c, func(c *task.Ctx) { c.Yield() }, func(*task.Ctx) {})
				_ = x.WaitContext(c)
			}
		}, task.Name("root")))
	}
	defer enough.Store(true) // if the test fails
	// growing are the numbers that must not fall, by name.
	growing := func(st scheduler.Stats) map[string]uint64 {
		all := make(map[string]uint64)
		v := reflect.ValueOf(st)
		for i := range v.NumField() {
			if v.Field(i).Kind() == reflect.Uint64 {
				all[v.Type().Field(i).Name] = v.Field(i).Uint()
			}
		}
		for i, w := range st.PerWorker {
			for name, n := range map[string]uint64{
				"Dispatches": w.Dispatches, "Finished": w.Finished, "Stolen": w.Stolen, "Busy": uint64(w.Busy), "Idle": uint64(w.Idle),
			} {
				all[fmt.Sprintf("worker %d: %s", i, name)] = n
			}
		}
		add := func(name string, h scheduler.Histogram) {
			all[name+" count"], all[name+" sum"], all[name+" max"] = h.Count(), uint64(h.Sum()), uint64(h.Max())
			n := uint64(0)
			for upTo, k := range h.Buckets() {
				all[fmt.Sprintf("%s up to %v", name, upTo)] = k
				n += k
			}
			require.Equal(t, n, h.Count(), "the buckets are those of the count")
		}
		l := st.Latencies
		for i, at := range l.Levels {
			add(fmt.Sprintf("level %d queue", i), at.Queue)
			add(fmt.Sprintf("level %d dispatch", i), at.Dispatch)
		}
		for name, at := range l.Names {
			add(name+" queue", at.Queue)
			add(name+" dispatch", at.Dispatch)
		}
		add("timers", l.Timers)
		add("wakes", l.Wakes)
		return all
	}
	last := map[string]uint64{}
	for range scale(100) {
		now := growing(s.Stats())
		for name, n := range last {
			require.GreaterOrEqual(t, now[name], n, name)
		}
		last = now
	}
	enough.Store(true)
	for _, x := range roots {
		require.NoError(t, x.Wait())
	}
	require.Positive(t, growing(s.Stats())["child queue count"])
}
