package scheduler_test

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

const (
	hogQueued  = 10_000 // tasks that have not started, in the hog's queue
	hogStarted = 1_000  // tasks that have, and were suspended and made ready by the hog
)

// No task waits behind a hog while another worker is free. The hog never passes a yield point and
// ends only when all others have ended. So the test ends only if that is true, and reads no clock.
// Behind the hog are tasks that have not started, tasks that had yielded, and tasks that the hog
// has made ready one after the other, the last of which is in its next slot.
func TestHogStrandsNothing(t *testing.T) {
	eachCount(t, []int{2, 4, 8}, func(t *testing.T, n int) {
		hogs(t, n, 1, scheduler.Threads)
	})
}

// The same with a hog on each worker but one.
func TestOneFreeWorkerServesAll(t *testing.T) {
	eachCount(t, []int{2, 4, 8}, func(t *testing.T, n int) {
		hogs(t, n, n-1, scheduler.Threads)
	})
}

func TestHogStrandsNothingUnpinned(t *testing.T) { hogs(t, 4, 3, scheduler.None) }

func hogs(t *testing.T, workers, hogs int, p scheduler.Pinning) {
	queued, started := hogQueued, hogStarted
	if testing.Short() {
		queued, started = queued/10, started/10
	}
	s := open(t, workers, scheduler.WithPinning(p), scheduler.WithStallAfter(0))
	var left, held atomic.Int64
	left.Store(int64(queued + 2*started))
	spin := func() {
		held.Add(1)
		for left.Load() > 0 {
		}
	}
	for range hogs - 1 {
		s.Go(func(c *task.Ctx) { spin() })
	}
	var freed atomic.Bool
	chief := s.Go(func(c *task.Ctx) {
		for held.Load() < int64(hogs-1) {
			c.Yield()
		}
		parked := make([]task.Task, started)
		for i := range parked {
			parked[i] = c.Go(func(c *task.Ctx) {
				if c.Park() == nil {
					left.Add(-1)
				}
			})
		}
		var yielding atomic.Int64
		for range started {
			c.Go(func(c *task.Ctx) {
				yielding.Add(1)
				for !freed.Load() {
					c.Yield()
				}
				left.Add(-1)
			})
		}
		for _, x := range parked {
			for x.State() != task.Waiting {
				c.Yield()
			}
		}
		for yielding.Load() < int64(started) {
			c.Yield()
		}
		freed.Store(true)
		for range queued {
			c.Go(func(c *task.Ctx) { left.Add(-1) })
		}
		for _, x := range parked {
			c.Ready(x)
		}
		spin()
	})
	finish(t, "the work behind the hogs", func() { chief.Wait() })
	require.Zero(t, left.Load())
}

// A hog makes a single task ready. The task is in the hog's next slot, where no other party has a
// reason to look.
func TestNextSlotOfAHogIsStolen(t *testing.T) {
	eachCount(t, []int{2, 4, 8}, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithStallAfter(0))
		for range 20 {
			var ran atomic.Bool
			hog := s.Go(func(c *task.Ctx) {
				x := c.Go(func(c *task.Ctx) {
					if c.Park() == nil {
						ran.Store(true)
					}
				})
				for x.State() != task.Waiting {
					c.Yield()
				}
				c.Ready(x)
				for !ran.Load() {
				}
			})
			finish(t, "the next slot", func() { hog.Wait() })
		}
	})
}

// The same after a long ping-pong, from which the worker has learnt that waking another for its
// next slot is useless. Then sysmon wakes one.
func TestNextSlotOfAHogIsStolenAfterPingPong(t *testing.T) {
	s := open(t, 2, scheduler.WithStallAfter(0))
	var ran atomic.Bool
	hog := s.Go(func(c *task.Ctx) {
		me := c.Task()
		x := c.Go(func(c *task.Ctx) {
			for range 2_000 {
				if c.Park() != nil {
					return
				}
				c.Ready(me)
			}
			if c.Park() == nil {
				ran.Store(true)
			}
		})
		for range 2_000 {
			c.Ready(x)
			if c.Park() != nil {
				return
			}
		}
		for x.State() != task.Waiting {
			c.Yield()
		}
		c.Ready(x)
		for !ran.Load() {
		}
	})
	finish(t, "the next slot", func() { hog.Wait() })
}

// What goroutines submit and make ready beside hogs is run by the free worker.
func TestInjectedBesideHogs(t *testing.T) {
	const workers, tasks = 4, 1_000
	s := open(t, workers, scheduler.WithStallAfter(0))
	var left, held atomic.Int64
	left.Store(2 * tasks)
	var hogs []task.Task
	for range workers - 1 {
		hogs = append(hogs, s.Go(func(c *task.Ctx) {
			held.Add(1)
			for left.Load() > 0 {
			}
		}))
	}
	parked := make([]task.Task, tasks)
	for i := range parked {
		parked[i] = s.Go(func(c *task.Ctx) {
			if c.Park() == nil {
				left.Add(-1)
			}
		})
	}
	for i := range tasks {
		s.Go(func(c *task.Ctx) { left.Add(-1) })
		parked[i].Ready()
	}
	finish(t, "work beside hogs", func() { waitAll(t, append(parked, hogs...)) })
	require.EqualValues(t, workers-1, held.Load())
}

// A timer belongs to no worker: it fires while hogs hold all workers but one, also
// when the sleeper went to sleep on the worker that a hog then took.
func TestTimerOfAHeldWorkerFires(t *testing.T) {
	s := open(t, 2, scheduler.WithStallAfter(0))
	var woken atomic.Bool
	hog := s.Go(func(c *task.Ctx) {
		x := c.Go(func(c *task.Ctx) {
			if c.Sleep(1) == nil {
				woken.Store(true)
			}
		})
		for x.State() == task.Runnable {
			c.Yield()
		}
		for !woken.Load() {
		}
	})
	finish(t, "the timer", func() { hog.Wait() })
}
