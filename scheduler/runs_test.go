package scheduler_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A task counts its dispatches and the time that it runs: not while it waits, is queued or blocks,
// and also while it runs.
func TestDispatchesAndTimeOfTasks(t *testing.T) {
	for name, more := range map[string][]scheduler.Option{
		"waits":           nil,
		"sampled":         {scheduler.WithLatencies(scheduler.Sampled)},
		"exact, observed": {scheduler.WithLatencies(scheduler.Exact), scheduler.WithObserver(scheduler.NoObserver{})},
		"ring":            {scheduler.WithDispatchRing(10)},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t, 1, append(more, scheduler.WithWaits())...)
				runs := func(x task.Task) (uint64, time.Duration) {
					for i := range s.Tasks() {
						if i.Task == x {
							return i.Dispatches, i.Ran
						}
					}
					t.Fatal("the task has ended")
					return 0, 0
				}
				expect := func(x task.Task, dispatches uint64, ran time.Duration) {
					t.Helper()
					n, d := runs(x)
					require.Equal(t, dispatches, n)
					require.Equal(t, ran, d)
				}
				hold := make(chan struct{})
				s.Go(func(*task.Ctx) { <-hold })
				var other task.Task
				x := s.Go(func(c *task.Ctx) {
					c.Yield()                        // nothing else can run: no new dispatch
					time.Sleep(5 * time.Millisecond) // holds the worker
					other = c.Go(func(c *task.Ctx) {
						expect(c.Task(), 1, 0)
						time.Sleep(7 * time.Millisecond)
						expect(c.Task(), 1, 7*time.Millisecond)
						_ = c.Park()
					})
					c.Yield() // other runs
					expect(c.Task(), 2, 5*time.Millisecond)
					time.Sleep(3 * time.Millisecond)
					expect(c.Task(), 2, 8*time.Millisecond)
					_ = c.Sleep(time.Second)
					expect(c.Task(), 3, 8*time.Millisecond)
					_ = c.Blocking(func() { time.Sleep(time.Minute) })
					_, ran := runs(c.Task()) // a further dispatch if another task needed the worker
					require.Equal(t, 8*time.Millisecond, ran)
					time.Sleep(time.Millisecond)
					_ = c.Park()
				})
				expect(x, 0, 0) // it is queued
				close(hold)
				synctest.Wait()
				time.Sleep(time.Hour) // x is parked now
				_, ran := runs(x)
				require.Equal(t, 9*time.Millisecond, ran)
				expect(other, 1, 7*time.Millisecond)
			})
		})
	}
}

// A dispatch that does not follow a wait begins when it begins, and not when the last wait did.
func TestTimeOfTasksAfterASleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithWaits())
		x := s.Go(func(c *task.Ctx) {
			y := c.Go(func(c *task.Ctx) {
				for range 2 {
					_ = c.Park()
				}
			})
			c.Yield() // y has started
			_ = c.Sleep(time.Hour)
			c.Ready(y)
			c.Yield() // y runs and waits again
			c.Ready(y)
			for i := range s.Tasks() {
				if i.Task == y {
					require.Zero(t, i.Ran)
				}
			}
			_ = y.Wait()
			for i := range s.Tasks() {
				require.Zero(t, i.Ran, i.Task)
			}
		})
		require.NoError(t, x.Wait())
	})
}

// A dispatch that follows a task which gave way begins when that task gave way.
func TestTimeOfTasksAfterAYield(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1, scheduler.WithWaits())
		var ran time.Duration
		x := s.Go(func(c *task.Ctx) {
			long := c.Go(func(c *task.Ctx) {
				_ = c.Park()
				time.Sleep(5 * time.Millisecond) // holds the worker
				c.Yield()
			})
			after := c.Go(func(c *task.Ctx) {
				_ = c.Park()
				for i := range s.Tasks() {
					if i.Task == c.Task() {
						ran = i.Ran
					}
				}
			})
			c.Yield() // both wait now
			c.Ready(after)
			c.Ready(long) // displaces after, so it runs first
			_ = c.Sleep(time.Second)
			_, _ = long.Wait(), after.Wait()
		})
		require.NoError(t, x.Wait())
		require.Zero(t, ran)
	})
}

// Without WithWaits nothing is counted.
func TestNoDispatchesOfTasks(t *testing.T) {
	s := open(t, 1)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for i := range s.Tasks() {
			require.Zero(t, i.Dispatches)
			require.Zero(t, i.Ran)
		}
	}).Wait())
}

// Each switch between tasks that have just run is a dispatch.
func TestDispatchesInARow(t *testing.T) {
	s := open(t, 1, scheduler.WithWaits())
	dispatches := func(x task.Task) uint64 {
		for i := range s.Tasks() {
			if i.Task == x {
				return i.Dispatches
			}
		}
		return 0
	}
	require.NoError(t, s.Go(func(c *task.Ctx) {
		other := c.Go(func(c *task.Ctx) {
			for range 100 {
				c.Yield()
			}
			_ = c.Park()
		})
		for range 100 {
			c.Yield()
		}
		require.Equal(t, uint64(101), dispatches(c.Task()))
		require.Equal(t, uint64(100), dispatches(other))
		other.Cancel()
	}).Wait())
}
