package scheduler_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// In a bubble the clock stands still while anything runs, so every latency is known to the
// nanosecond except for the rounding of waits to 32 ns.

// measured returns the latencies of a scheduler after all that ran on it has ended.
func measured(t *testing.T, s *scheduler.Scheduler) *scheduler.Latencies {
	t.Helper()
	require.NoError(t, s.Shutdown(t.Context()))
	st := s.Stats()
	require.NotNil(t, st.Latencies)
	return st.Latencies
}

// A task waits for as long as another sleeps on the only worker, and no longer.
func TestExactWaitAndDispatch(t *testing.T) {
	for _, level := range []task.Level{task.Normal, task.High, task.Low} {
		synctest.Test(t, func(t *testing.T) {
			s := open(t, 1, scheduler.WithLatencies(scheduler.Exact))
			s.Go(func(c *task.Ctx) {
				c.Go(func(*task.Ctx) {}, task.Priority(level))
				time.Sleep(time.Second) // the goroutine's, so the worker is blocked
			})
			l := measured(t, s)
			all := l.All()
			require.EqualValues(t, 2, all.Queue.Count())
			require.EqualValues(t, 2, all.Dispatch.Count())
			require.InDelta(t, time.Second, all.Queue.Max(), 32)
			require.InDelta(t, time.Second, l.Levels[level].Queue.Max(), 32)
			require.Equal(t, time.Second, all.Dispatch.Max())
			require.Equal(t, time.Second, all.Dispatch.Sum())
			require.Equal(t, time.Second, l.Levels[task.Normal].Dispatch.Sum())
		})
	}
}

// A task that gives way waits from then on, and the dispatch before has ended.
func TestExactYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithLatencies(scheduler.Exact))
		s.Go(func(c *task.Ctx) {
			// sysmon ticks meanwhile, so the times are short.
			c.Go(func(*task.Ctx) { time.Sleep(time.Second) })
			c.Yield()
			time.Sleep(10 * time.Second)
			c.Yield() // alone
			time.Sleep(time.Minute)
		})
		all := measured(t, s).All()
		require.EqualValues(t, 3, all.Queue.Count())
		require.InDelta(t, time.Second, all.Queue.Sum(), 3*32)
		require.EqualValues(t, 4, all.Dispatch.Count())
		require.Equal(t, (60+10+1)*time.Second, all.Dispatch.Sum())
		require.Equal(t, time.Minute, all.Dispatch.Max())
	})
}

// A task that has been woken waits from the wake-up on, not from the park on.
func TestExactWake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithLatencies(scheduler.Exact))
		parked := s.Go(func(c *task.Ctx) { _ = c.Park() })
		synctest.Wait()
		time.Sleep(time.Hour)
		s.Go(func(c *task.Ctx) {
			parked.Ready()
			time.Sleep(time.Second)
		})
		all := measured(t, s).All()
		require.EqualValues(t, 3, all.Queue.Count())
		require.InDelta(t, time.Second, all.Queue.Sum(), 3*32)
		require.Equal(t, time.Second, all.Dispatch.Sum())
	})
}

// With Exact each dispatch counts once, whatever the ways into the queues are. (A task that goes on
// alone after a Yield, or at a checkpoint, counts as well, so here is none.)
func TestExactCountsEachDispatch(t *testing.T) {
	s := open(t, 4, append(noPreemption, scheduler.WithLatencies(scheduler.Exact))...)
	for range 100 {
		s.Go(func(c *task.Ctx) {
			for i := range 10 {
				child := c.Go(func(c *task.Ctx) {
					_ = c.Sleep(time.Microsecond)
				}, task.Priority(task.Level(i%3)))
				_ = child.Wait()
			}
		})
	}
	l := measured(t, s)
	st, all := s.Stats(), l.All()
	require.Equal(t, st.Dispatches, all.Dispatch.Count())
	require.Equal(t, st.Dispatches, all.Queue.Count(), "no task was started or woken that waited in no queue")
	require.EqualValues(t, 1000, l.Timers.Count())
}

// With Sampled about one in 244 looks for work gives a sample, and each has both latencies.
func TestSampled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithLatencies(scheduler.Sampled))
		const n = 24_400
		s.Go(func(c *task.Ctx) {
			other := c.Go(func(c *task.Ctx) {
				for range n {
					c.Yield()
				}
			})
			for other.State() != task.Done {
				c.Yield()
			}
		})
		all := measured(t, s).All()
		st := s.Stats()
		require.InDelta(t, st.Dispatches/244, all.Queue.Count(), float64(all.Queue.Count())/10)
		require.InDelta(t, all.Queue.Count(), all.Dispatch.Count(), 1)
	})
}

// Timers are late by what holds the only worker up, and a worker that is woken in a bubble at once
// takes no time.
func TestTimersAndWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithLatencies(scheduler.Sampled))
		s.Go(func(c *task.Ctx) { _ = c.Sleep(time.Second) })
		synctest.Wait()
		time.Sleep(2 * time.Second)
		l := measured(t, s)
		require.EqualValues(t, 1, l.Timers.Count())
		require.Zero(t, l.Timers.Max(), "it fired when it was due")
		require.Equal(t, s.Stats().Wakes, l.Wakes.Count())
		require.Zero(t, l.Wakes.Max())
	})
}

// Names beyond the limit are counted together, tasks without a name not at all.
func TestLatenciesByName(t *testing.T) {
	s := open(t, 2, scheduler.WithLatencies(scheduler.Exact), scheduler.WithLatenciesByName(2))
	for i := range 5 {
		for range 10 {
			_ = s.Go(func(*task.Ctx) {}, task.Name(fmt.Sprint("n", i))).Wait()
		}
	}
	_ = s.Go(func(*task.Ctx) {}).Wait()
	l := measured(t, s)
	require.Len(t, l.Names, 2)
	for _, name := range []string{"n0", "n1"} {
		require.EqualValues(t, 10, l.Names[name].Queue.Count(), name)
		require.EqualValues(t, 10, l.Names[name].Dispatch.Count(), name)
	}
	require.EqualValues(t, 30, l.Other.Queue.Count())
	require.EqualValues(t, 30, l.Other.Dispatch.Count())
	require.EqualValues(t, 51, l.All().Dispatch.Count())
}

func TestNoLatenciesWithoutTheOption(t *testing.T) {
	s := open(t, 1)
	require.Nil(t, s.Stats().Latencies)
}

func TestLatencyOptions(t *testing.T) {
	for want, opts := range map[string][]scheduler.Option{
		"scheduler: WithLatencies(0): want Sampled (1) or Exact (2)":                    {scheduler.WithLatencies(0)},
		"scheduler: WithLatencies(3): want Sampled (1) or Exact (2)":                    {scheduler.WithLatencies(3)},
		"scheduler: WithLatenciesByName(0): want 1 to 1000":                             {scheduler.WithLatenciesByName(0)},
		"scheduler: WithLatenciesByName(1001): want 1 to 1000":                          {scheduler.WithLatenciesByName(1001)},
		"scheduler: WithLatenciesByName(5) without WithLatencies: want both":            {scheduler.WithLatenciesByName(5)},
		"scheduler: WithObserver(nil): want an Observer; leave the option out for none": {scheduler.WithObserver(nil)},
	} {
		_, err := scheduler.New(opts...)
		require.EqualError(t, err, want)
	}
}
