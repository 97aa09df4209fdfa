package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Blocked submitters get room in the order in which they came, from whatever place they wait.
func TestBlockIsFIFO(t *testing.T) {
	s := open(t, 1, scheduler.WithQueueLimit(2, scheduler.Block))
	release := hold(t, s)
	fill(t, s, 2)
	var got []int
	var results []func() task.Task
	for i := range 20 {
		results = append(results, async(t, func() task.Task { return s.Go(func(*task.Ctx) { got = append(got, i) }) }))
		awaitDelayed(s, uint64(i+1))
	}
	require.Equal(t, 2, s.Stats().Queued)
	release()
	for _, r := range results {
		require.NoError(t, r().Wait())
	}
	require.Len(t, got, 20)
	require.IsIncreasing(t, got)
}

// The end of each context of a blocked submission ends the submission and leaves nothing behind.
// The submitters behind it are served.
func TestCancelWhileBlocked(t *testing.T) {
	eachCount(t, []int{1, 4}, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithQueueLimit(1, scheduler.Block))
		release := hold(t, s)
		queued := fill(t, s, 1)
		why := errors.New("why")
		never := func(*task.Ctx) { t.Error("ran") }
		delayed := uint64(0)
		blocks := func(f func(ctx context.Context) error) {
			t.Helper()
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			r := async(t, func() error { return f(ctx) })
			delayed++
			awaitDelayed(s, delayed)
			cancel(why)
			require.Equal(t, why, r())
		}
		blocks(func(ctx context.Context) error {
			x := s.GoContext(ctx, never)
			require.Equal(t, task.Done, x.State())
			return x.Err()
		})
		blocks(func(ctx context.Context) error {
			return s.Go(never, task.Parent(ctx), task.Parent(context.Background())).Err()
		})
		blocks(func(ctx context.Context) error {
			f := task.Submit(s, func(c *task.Ctx) (int, error) { never(c); return 0, nil }, task.Parent(ctx))
			_, err := f.WaitContext(context.Background())
			return err
		})
		for _, limit := range []int{-1, 1} {
			g := task.NewGroup(s)
			g.SetLimit(limit)
			blocks(func(ctx context.Context) error {
				return g.GoContext(ctx, func(c *task.Ctx) error { never(c); return nil })
			})
			require.NoError(t, g.WaitContext(context.Background()), "there is no member")
			blocks(func(ctx context.Context) error {
				require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error { never(c); return nil }, task.Parent(ctx)))
				return g.WaitContext(context.Background())
			})
		}
		ended, cancel := context.WithCancelCause(context.Background())
		cancel(why)
		require.Equal(t, why, s.GoContext(ended, never).Err(), "it had ended before")
		require.Equal(t, why, task.NewGroup(s).GoContext(ended, func(c *task.Ctx) error { never(c); return nil }))

		last := async(t, func() task.Task { return s.Go(func(*task.Ctx) {}) })
		awaitDelayed(s, delayed+1)
		release()
		waitAll(t, append(queued, last()))
		require.NoError(t, s.Close())
		st := s.Stats()
		require.EqualValues(t, delayed+1, st.Delayed)
		require.EqualValues(t, delayed+1, st.Abandoned, "one of them did not get to wait")
	})
}

// Close and Shutdown end the waits of blocked submitters, although no worker takes a task from the
// queue.
func TestEndWhileBlocked(t *testing.T) {
	for _, end := range []string{"Close", "Shutdown"} {
		t.Run(end, func(t *testing.T) {
			s := open(t, 2, scheduler.WithQueueLimit(1, scheduler.Block))
			release := hold(t, s)
			queued := fill(t, s, 1)[0]
			never := func(*task.Ctx) { t.Error("ran") }
			g := task.NewGroup(s)
			fs := []func() error{
				func() error { return s.Go(never).Err() },
				func() error { return s.GoContext(context.Background(), never).Err() },
				func() error {
					ctx, cancel := context.WithCancel(context.Background())
					defer cancel()
					return s.GoContext(ctx, never).Err()
				},
				func() error {
					_, err := task.Submit(s, func(c *task.Ctx) (int, error) { never(c); return 0, nil }).WaitContext(context.Background())
					return err
				},
				func() error {
					require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error { never(c); return nil }))
					return g.WaitContext(context.Background())
				},
			}
			var results []func() error
			for i, f := range fs {
				results = append(results, async(t, f))
				awaitDelayed(s, uint64(i+1))
			}
			ended := async(t, func() error {
				if end == "Close" {
					return s.Close()
				}
				return s.Shutdown(context.Background())
			})
			for _, r := range results {
				require.Equal(t, task.ErrClosed, r())
			}
			require.Equal(t, task.ErrClosed, s.Go(never).Err())
			release()
			require.NoError(t, ended())
			if end == "Close" {
				require.Equal(t, task.ErrClosed, queued.Err())
			} else {
				require.NoError(t, queued.Err())
			}
			require.Zero(t, s.Stats().Abandoned)
		})
	}
}

// Submitters, cancellations and the scheduler's end meet; each submission has one outcome.
func TestEndDuringOverload(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p scheduler.QueuePolicy) {
		eachCount(t, []int{1, 2, 8}, func(t *testing.T, n int) {
			for round := range scale(40) {
				s := open(t, n, scheduler.WithQueueLimit(1+round%3, p))
				var ran, ok atomic.Int64
				var wg sync.WaitGroup
				for i := range 4 {
					wg.Go(func() {
						for {
							ctx, cancel := context.WithCancel(context.Background())
							if i == 0 {
								go cancel()
							}
							x := s.GoContext(ctx, func(c *task.Ctx) { ran.Add(1); c.Yield() })
							err := x.Wait()
							cancel()
							if err == nil {
								ok.Add(1)
							}
							if err == task.ErrClosed {
								return
							}
						}
					})
				}
				for ran.Load() < 10 {
					runtime.Gosched()
				}
				if round%2 == 0 {
					finish(t, "Close", func() { s.Close() })
				} else {
					finish(t, "Shutdown", func() { require.NoError(t, s.Shutdown(context.Background())) })
				}
				finish(t, "the submitters", wg.Wait)
				require.GreaterOrEqual(t, ran.Load(), ok.Load())
			}
		})
	})
}
