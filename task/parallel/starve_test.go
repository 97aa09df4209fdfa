package parallel_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// turnsOfForks is an upper bound of the dispatches that a forked call waits for beside a queue that
// is never empty, if it is the only forked call: two fair turns of 61 dispatches, and 61 more at
// the start.
const turnsOfForks = 2*61 + 61

// A function of Do for which another one waits runs, although the only worker's queue is never
// empty.
func TestForkedCallBesideYielders(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithStallAfter(0))
	require.NoError(t, err)
	defer s.Close()
	var turns atomic.Int64
	var stop, gaveUp atomic.Bool
	var waited int64
	root := s.Go(func(c *task.Ctx) {
		for range 2 {
			c.Go(func(c *task.Ctx) {
				for !stop.Load() {
					// Gives up if the second function never runs, so that the first one ends.
					if turns.Add(1) > 100*turnsOfForks {
						gaveUp.Store(true)
						return
					}
					c.Yield()
				}
			})
		}
		ch := tsync.NewChan[int](0)
		var before int64
		parallel.Do(c,
			func(c *task.Ctx) {
				before = turns.Load()
				_, _, _ = ch.Recv(c)
			},
			func(c *task.Ctx) {
				waited = turns.Load() - before
				_ = ch.Send(c, 1)
			},
		)
		stop.Store(true)
	})
	require.NoError(t, root.Wait())
	require.False(t, gaveUp.Load(), "the call ran only when nothing else was left")
	require.LessOrEqual(t, waited, int64(turnsOfForks))
}

// Beside tasks that use up their quanta, a forked call has a turn at every fourth preemption.
func TestForkedCallBesidePreempted(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithQuantum(100*time.Microsecond), scheduler.WithStallAfter(0))
	require.NoError(t, err)
	defer s.Close()
	const dispatches = 2 * (4 + 4)
	var stop atomic.Bool
	var turns atomic.Int64 // turns of the other tasks, counted when the running one changes
	var last atomic.Int64
	var waited int64
	root := s.Go(func(c *task.Ctx) {
		for i := range 3 {
			c.Go(func(c *task.Ctx) {
				for !stop.Load() && turns.Load() < 1000 {
					if last.Swap(int64(i)+1) != int64(i)+1 {
						turns.Add(1)
					}
					c.Checkpoint()
				}
			})
		}
		ch := tsync.NewChan[int](0)
		before := turns.Load()
		parallel.Do(c,
			func(c *task.Ctx) { _, _, _ = ch.Recv(c) },
			func(c *task.Ctx) {
				waited = turns.Load() - before
				_ = ch.Send(c, 1)
			},
		)
		stop.Store(true)
	})
	require.NoError(t, root.Wait())
	require.LessOrEqual(t, waited, int64(dispatches))
}

// The oldest forked call has its turn, although newer calls keep coming.
func TestOldestForkBesideNewOnes(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithStallAfter(0))
	require.NoError(t, err)
	defer s.Close()
	var stop, gaveUp atomic.Bool
	var turns atomic.Int64
	root := s.Go(func(c *task.Ctx) {
		ch := tsync.NewChan[int](0)
		chain := func(c *task.Ctx) { // makes calls that are newer than that of the outermost Do
			if stop.Load() {
				return
			}
			if turns.Add(1) > 10_000 {
				gaveUp.Store(true)
				return
			}
			parallel.Do(c, (*task.Ctx).Yield, func(*task.Ctx) {})
		}
		for range 2 {
			c.Go(func(c *task.Ctx) {
				for !stop.Load() && !gaveUp.Load() {
					chain(c)
				}
			})
		}
		parallel.Do(c,
			func(c *task.Ctx) { _, _, _ = ch.Recv(c) },
			func(c *task.Ctx) { stop.Store(true); _ = ch.Send(c, 1) },
		)
	})
	require.NoError(t, root.Wait())
	require.False(t, gaveUp.Load(), "the oldest call ran only when no newer one came")
}

// A call is exposed on a worker whose task then runs without a yield point until the call has run.
// It is handed to another worker, although every other worker always has tasks of its own.
func TestForkedCallBehindAHog(t *testing.T) {
	s := open(t, 2, scheduler.WithQuantum(time.Millisecond), scheduler.WithStallAfter(0))
	var ran atomic.Bool
	for range 4 {
		s.Go(func(c *task.Ctx) {
			for !ran.Load() {
				c.Yield()
			}
		})
	}
	within(t, s, func(c *task.Ctx) error {
		p := c.Task()
		hog := c.Go(func(c *task.Ctx) {
			_ = c.Park()
			for !ran.Load() {
			}
			p.Ready()
		})
		for hog.State() != task.Waiting {
			c.Yield()
		}
		parallel.Do(c,
			func(c *task.Ctx) {
				// When this function waits, its worker exposes the second function and then runs
				// the hog.
				c.Ready(hog)
				_ = c.Park()
			},
			func(c *task.Ctx) { ran.Store(true) },
		)
		return nil
	})
}
