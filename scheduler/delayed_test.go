package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

func TestGoAfter(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s, clock := byHand(t, n)
		var ran atomic.Int32
		run := func(*task.Ctx) { ran.Add(1) }

		x := s.GoAfter(time.Minute, run, task.Name("x"))
		require.Equal(t, task.Waiting, x.State())
		require.Equal(t, "x", x.Name())
		x.Ready() // is the token of its first Park, no more
		clock.Advance(time.Minute - 1)
		require.Equal(t, task.Waiting, x.State())
		clock.Advance(1)
		finish(t, "x", func() { require.NoError(t, x.Wait()) })
		require.EqualValues(t, 1, ran.Load())
		require.Equal(t, task.Done, x.State())

		for _, d := range []time.Duration{0, -1, -1 << 63} {
			finish(t, "at once", func() { require.NoError(t, s.GoAfter(d, run).Wait()) })
		}
		require.EqualValues(t, 4, ran.Load())

		// What it waits for first is not ended by its start.
		y := s.GoAfter(time.Minute, func(c *task.Ctx) { c.Sleep(time.Minute); run(c) })
		clock.Advance(time.Minute)
		testkit.Until(t, "the sleep", func() bool { _, ok := clock.Next(); return ok })
		waiting(t, y)
		require.EqualValues(t, 4, ran.Load())
		clock.Advance(time.Minute)
		finish(t, "y", func() { require.NoError(t, y.Wait()) })

		// Cancelled before, it never runs.
		z := s.GoAfter(time.Minute, run)
		z.Cancel()
		finish(t, "z", func() { require.Equal(t, context.Canceled, z.Wait()) })
		j := s.GoAfter(time.Minute, run)
		root := s.Go(func(c *task.Ctx) {
			if j.WaitContext(c) != context.Canceled {
				panic("Join")
			}
		})
		waiting(t, root)
		j.Cancel()
		finish(t, "Join", func() { require.NoError(t, root.Wait()) })
		noTimers(t, s)
		clock.Advance(time.Hour)
		require.EqualValues(t, 5, ran.Load())
		_, set := clock.Next()
		require.False(t, set)

		require.PanicsWithValue(t, "scheduler: GoAfter with a nil function", func() { s.GoAfter(0, nil) })
		require.Equal(t, task.Waiting, s.GoAfter(1<<63-1, run).State()) // for Close
	})
}

// Shutdown waits for delayed tasks, and they run at their time.
func TestGoAfterShutdown(t *testing.T) {
	eachCount(t, []int{1, 2, 4}, func(t *testing.T, n int) {
		s, clock := byHand(t, n)
		var ran atomic.Int32
		const tasks = 100
		for i := range tasks {
			s.GoAfter(time.Duration(i+1)*time.Second, func(c *task.Ctx) {
				c.Go(func(*task.Ctx) { ran.Add(1) })
			})
		}
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		var left *scheduler.RunningError
		require.ErrorAs(t, s.Shutdown(ended), &left)
		require.Len(t, left.Tasks, tasks)
		refused := s.GoAfter(time.Second, func(*task.Ctx) { ran.Add(1) })
		require.Equal(t, task.ErrClosed, refused.Err())
		require.Equal(t, task.ErrClosed, s.GoEvery(time.Second, func(*task.Ctx) {}).Err())
		for range tasks {
			require.Error(t, s.Shutdown(ended))
			clock.Advance(time.Second)
		}
		finish(t, "Shutdown", func() { require.NoError(t, s.Shutdown(context.Background())) })
		require.EqualValues(t, tasks, ran.Load())
	})
}

// Close cancels what is delayed, periodic, or both.
func TestDelayedClose(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s, clock := byHand(t, n)
		var ran atomic.Int32
		run := func(*task.Ctx) { ran.Add(1) }
		var ts []task.Task
		for range 100 {
			ts = append(ts, s.GoAfter(time.Hour, run), s.GoEvery(time.Hour, run))
		}
		between := s.GoEvery(time.Minute, run)
		clock.Advance(time.Minute)
		testkit.Until(t, "a run", func() bool { return ran.Load() == 1 && between.State() == task.Waiting })
		inRun := s.GoEvery(time.Minute, func(c *task.Ctx) { c.Park() })
		clock.Advance(time.Minute)
		waiting(t, inRun)
		testkit.Until(t, "the other's second run", func() bool { return ran.Load() == 2 })
		finish(t, "Close", func() { s.Close() })
		for _, x := range append(ts, between, inRun) {
			require.Equal(t, task.ErrClosed, x.Err())
		}
		clock.Advance(2 * time.Hour)
		require.EqualValues(t, 2, ran.Load())
		armed, queued := s.PendingTimers()
		require.Zero(t, armed)
		require.Zero(t, queued)
	})
}

// Runs are at start + k*d. The instants that a long run has missed are left out.
func TestGoEvery(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s, clock := byHand(t, n)
		const d = 10 * time.Second
		var at []time.Duration
		runs := make(chan time.Duration)
		long := make(chan struct{})
		x := s.GoEvery(d, func(c *task.Ctx) {
			now := clock.Since()
			runs <- now
			if now == 3*d {
				c.Blocking(func() { <-long })
			}
		})
		require.Equal(t, task.Waiting, x.State())
		next := func(step time.Duration) {
			waiting(t, x)
			clock.Advance(step)
			finish(t, "a run", func() { at = append(at, <-runs) })
		}
		next(d)
		next(d)
		next(d)
		clock.Advance(2*d + d/2) // in the run
		close(long)
		testkit.Until(t, "the next", func() bool { next, ok := clock.Next(); return ok && next == d/2 })
		next(d / 2)
		waiting(t, x)
		clock.Advance(d - 1)
		require.Equal(t, task.Waiting, x.State())
		next(1)
		require.Equal(t, []time.Duration{d, 2 * d, 3 * d, 6 * d, 7 * d}, at)
		waiting(t, x)
		x.Cancel()
		finish(t, "Cancel", func() { require.Equal(t, context.Canceled, x.Wait()) })
		noTimers(t, s)
		clock.Advance(time.Hour)
	})
}

func TestGoEveryEnds(t *testing.T) {
	errMine := errors.New("mine")
	eachCount(t, []int{1, 2, 4}, func(t *testing.T, n int) {
		var panics atomic.Int32
		s, clock := byHand(t, n, scheduler.WithPanicHandler(func(task.Task, *task.PanicError) { panics.Add(1) }))
		var runs atomic.Int32
		never := s.GoEvery(time.Minute, func(*task.Ctx) { runs.Add(1) })
		never.CancelCause(errMine)
		finish(t, "before the first run", func() { require.Equal(t, errMine, never.Wait()) })

		inRun := s.GoEvery(time.Minute, func(c *task.Ctx) {
			runs.Add(1)
			if c.Park() == nil {
				panic("Park")
			}
		})
		clock.Advance(time.Minute)
		testkit.Until(t, "a run", func() bool { return runs.Load() == 1 && inRun.State() == task.Waiting })
		inRun.Cancel()
		finish(t, "in a run", func() { require.Equal(t, context.Canceled, inRun.Wait()) })

		exits := s.GoEvery(time.Minute, func(*task.Ctx) { runs.Add(1); runtime.Goexit() })
		clock.Advance(time.Minute)
		finish(t, "Goexit", func() { require.ErrorIs(t, exits.Wait(), task.ErrGoexit) })

		limited := s.GoEvery(time.Minute, func(*task.Ctx) { runs.Add(1) }, task.Timeout(90*time.Second))
		clock.Advance(time.Minute)
		testkit.Until(t, "a run", func() bool { return runs.Load() == 3 && limited.State() == task.Waiting })
		clock.Advance(time.Minute)
		finish(t, "Timeout", func() { require.Equal(t, context.DeadlineExceeded, limited.Wait()) })

		noTimers(t, s)
		clock.Advance(time.Hour)
		require.EqualValues(t, 3, runs.Load())
		require.Zero(t, panics.Load())
		require.Panics(t, func() { s.GoEvery(0, func(*task.Ctx) {}) })
		require.Panics(t, func() { s.GoEvery(1, nil) })
	})
}

// Shutdown ends periodic tasks between two runs at once, and lets the others finish theirs.
// A periodic task goes on after a panic that is handled, also if the run had suspended or left
// forked calls behind, until the handler cancels it.
func TestGoEveryGoesOnAfterAPanic(t *testing.T) {
	errMine := errors.New("mine")
	eachCount(t, []int{1, 2, 4}, func(t *testing.T, n int) {
		var handled, runs atomic.Int32
		s, clock := byHand(t, n, scheduler.WithPanicHandler(func(x task.Task, pe *task.PanicError) {
			if pe.Value != any(errMine) || len(pe.Stack) == 0 {
				panic(pe)
			}
			if handled.Add(1) == 4 {
				x.Cancel()
			}
		}))
		fork := parallel.Define(func(_ *task.Ctx, i int) int { return i })
		x := s.GoEvery(time.Minute, func(c *task.Ctx) {
			switch runs.Add(1) {
			case 2:
				return
			case 3:
				c.Yield()
			case 4:
				fork.Fork(c, 1)
			}
			panic(errMine)
		})
		for i := int32(1); i <= 4; i++ {
			clock.Advance(time.Minute)
			panics := []int32{1, 1, 2, 3}[i-1] // the task waits in the fourth run too, for its fork
			testkit.Until(t, "a run", func() bool {
				return runs.Load() == i && handled.Load() == panics && x.State() == task.Waiting
			})
		}
		clock.Advance(time.Minute)
		finish(t, "the handler's Cancel", func() { require.Equal(t, context.Canceled, x.Wait()) })
		require.EqualValues(t, 5, runs.Load())
		require.EqualValues(t, 4, handled.Load())
		noTimers(t, s)
	})
}

func TestGoEveryShutdown(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s, clock := byHand(t, n)
		var runs atomic.Int32
		run := func(*task.Ctx) { runs.Add(1) }
		fresh := s.GoEvery(time.Hour, run)
		between := s.GoEvery(time.Minute, run)
		long := make(chan struct{})
		inRun := s.GoEvery(time.Minute, func(c *task.Ctx) { c.Blocking(func() { <-long }); runs.Add(1) })
		clock.Advance(time.Minute)
		testkit.Until(t, "runs", func() bool { return runs.Load() == 1 && between.State() == task.Waiting })
		waiting(t, inRun)
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		require.Error(t, s.Shutdown(ended))
		finish(t, "idle ones", func() {
			require.NoError(t, fresh.Wait())
			require.NoError(t, between.Wait())
		})
		clock.Advance(10 * time.Minute)
		require.NotEqual(t, task.Done, inRun.State())
		close(long)
		finish(t, "Shutdown", func() { require.NoError(t, s.Shutdown(context.Background())) })
		require.NoError(t, inRun.Err())
		require.EqualValues(t, 2, runs.Load())
	})
}

// Several goroutines start, cancel, shut down and close delayed and periodic tasks at once, with a
// clock that runs. Nothing is left behind and nothing runs twice.
func TestDelayedStorm(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		for round := range max(scale(100), 2) {
			clock := handclock.New()
			s, err := scheduler.New(scheduler.WithWorkers(n), scheduler.WithClock(clock))
			require.NoError(t, err)
			var wg sync.WaitGroup
			stop := make(chan struct{})
			ticking := make(chan struct{})
			go func() {
				defer close(ticking)
				for {
					select {
					case <-stop:
						return
					default:
						clock.Advance(time.Microsecond)
					}
				}
			}()
			var ran, cancelled atomic.Int64
			ts := make([][]task.Task, 3)
			for g := range ts {
				wg.Go(func() {
					for i := range 50 {
						d := time.Duration((i*g)%7) * time.Microsecond
						ts[g] = append(ts[g],
							s.GoAfter(d, func(*task.Ctx) { ran.Add(1) }, task.Timeout(time.Duration(i%5)*time.Microsecond)),
							s.GoAfter(d, func(c *task.Ctx) { c.Sleep(d); ran.Add(1) }))
						p := s.GoEvery(d+1, func(c *task.Ctx) { c.Sleep(1); ran.Add(1) })
						ts[g] = append(ts[g], p)
						if i%3 != 0 {
							ts[g][len(ts[g])-1-i%2].Cancel()
							cancelled.Add(1)
						}
					}
				})
			}
			if round%2 == 0 {
				wg.Go(func() {
					ctx, cancel := context.WithCancel(context.Background())
					cancel()
					_ = s.Shutdown(ctx) // reports what has not ended
				})
			} else {
				wg.Wait()
			}
			if round%3 == 0 {
				finish(t, "Close", func() { s.Close() })
			} else {
				finish(t, "Shutdown", func() { require.NoError(t, s.Shutdown(context.Background())) })
			}
			wg.Wait()
			for _, x := range ts {
				for _, x := range x {
					require.Equal(t, task.Done, x.State())
				}
			}
			close(stop)
			<-ticking
			requireBalance(t, s)
			armed, queued := s.PendingTimers()
			require.Zero(t, armed)
			require.Zero(t, queued)
		}
	})
}
