package scheduler_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

var policies = []scheduler.QueuePolicy{scheduler.Block, scheduler.Reject, scheduler.CallerRuns, scheduler.DropOldest}

func eachPolicy(t *testing.T, test func(t *testing.T, p scheduler.QueuePolicy)) {
	for _, p := range policies {
		t.Run(p.String(), func(t *testing.T) { test(t, p) })
	}
}

// hold puts a task on each worker that stays there until release is called.
func hold(t testing.TB, s *scheduler.Scheduler) (release func()) {
	t.Helper()
	gate := make(chan struct{})
	var up atomic.Int64
	for i := range s.Workers() {
		s.Go(func(*task.Ctx) {
			up.Add(1)
			<-gate // blocks the worker's thread
		})
		for up.Load() <= int64(i) {
			runtime.Gosched()
		}
	}
	release = sync.OnceFunc(func() { close(gate) })
	t.Cleanup(release)
	return release
}

// fill queues n tasks.
func fill(t testing.TB, s *scheduler.Scheduler, n int) (ts []task.Task) {
	t.Helper()
	for range n {
		x := s.Go(func(*task.Ctx) {})
		require.Equal(t, task.Runnable, x.State())
		ts = append(ts, x)
	}
	return ts
}

// async calls f on a goroutine of its own and returns a function that waits for its result.
func async[T any](t testing.TB, f func() T) (result func() T) {
	ch := make(chan T, 1)
	go func() { ch <- f() }()
	return func() (v T) {
		t.Helper()
		finish(t, "the submitter", func() { v = <-ch })
		return v
	}
}

func awaitDelayed(s *scheduler.Scheduler, n uint64) {
	testkit.Spin(func() bool { return s.Stats().Delayed >= n })
}

func TestQueueLimitArguments(t *testing.T) {
	for n, want := range map[int]string{
		0:                           "scheduler: WithQueueLimit(0, reject): limit 0: want 1 to 1073741824",
		-7:                          "scheduler: WithQueueLimit(-7, reject): limit -7: want 1 to 1073741824",
		scheduler.MaxQueueLimit + 1: "scheduler: WithQueueLimit(1073741825, reject): limit 1073741825: want 1 to 1073741824",
	} {
		_, err := scheduler.New(scheduler.WithQueueLimit(n, scheduler.Reject))
		require.EqualError(t, err, want)
	}
	_, err := scheduler.New(scheduler.WithQueueLimit(5, 4))
	require.EqualError(t, err, "scheduler: WithQueueLimit(5, QueuePolicy(4)): policy 4: want Block (0), Reject (1), CallerRuns (2) or DropOldest (3)")
	require.Equal(t, "[block reject caller-runs drop-oldest]", fmt.Sprint(policies))
}

// Overload: several submitters submit again and again, some of their contexts end at random, and
// goroutines wake tasks that wait. Each submission runs once or not at all, as its handle and the
// counters say.
func TestQueueLimitAccounting(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p scheduler.QueuePolicy) {
		eachCount(t, workerCounts, func(t *testing.T, n int) {
			const limit, submitters = 8, 6
			s := open(t, n, scheduler.WithQueueLimit(limit, p))
			each := scale(1_500)
			type one struct {
				ran     atomic.Int32
				x       task.Task
				ownDead bool // its context was ended by the submitter
			}
			all := make([][]one, submitters)
			var log errlog
			var wg sync.WaitGroup
			for i := range submitters {
				all[i] = make([]one, each)
				wg.Go(func() {
					for j := range all[i] {
						o := &all[i][j]
						level := levels[(i+j)%3]
						body := func(c *task.Ctx) {
							o.ran.Add(1)
							if j%5 == 0 {
								me := c.Task()
								go me.Ready()
								c.Park()
							}
							for range 10 {
								c.Checkpoint()
							}
						}
						if j%3 > 0 {
							o.x = s.Go(body, task.Priority(level))
							continue
						}
						ctx, cancel := context.WithCancel(context.Background())
						o.ownDead = true
						if j%2 == 0 {
							go cancel()
						}
						o.x = s.GoContext(ctx, body, task.Priority(level))
						cancel()
					}
				})
			}
			finish(t, "the submitters", wg.Wait)
			finish(t, "Shutdown", func() { require.NoError(t, s.Shutdown(context.Background())) })
			ran, full, cancelledUnrun := uint64(0), uint64(0), uint64(0)
			for i := range all {
				for j := range all[i] {
					o := &all[i][j]
					require.Equal(t, task.Done, o.x.State())
					err, k := o.x.Err(), o.ran.Load()
					require.LessOrEqual(t, k, int32(1))
					switch {
					case err == nil:
						require.EqualValues(t, 1, k)
					case err == task.ErrQueueFull:
						require.Zero(t, k)
						full++
					default:
						require.Equal(t, context.Canceled, err)
						require.True(t, o.ownDead)
						if k == 0 {
							cancelledUnrun++
						}
					}
					ran += uint64(k)
				}
			}
			log.require(t)
			st := s.Stats()
			total := uint64(submitters * each)
			require.Equal(t, total, ran+full+cancelledUnrun, "%+v", st)
			require.Equal(t, total, st.Spawned+st.Rejected+st.Abandoned, "%+v", st)
			// The dropped ones may have been cancelled.
			require.GreaterOrEqual(t, st.Rejected+st.Dropped, full, "%+v", st)
			require.LessOrEqual(t, st.Rejected+st.Dropped, full+cancelledUnrun, "%+v", st)
			switch p {
			case scheduler.Block:
				require.Zero(t, st.Rejected+st.Dropped)
			case scheduler.CallerRuns:
				require.Zero(t, st.Rejected+st.Dropped+st.Abandoned)
			case scheduler.Reject:
				require.Zero(t, st.Dropped+st.Abandoned+st.Delayed)
			case scheduler.DropOldest:
				require.Zero(t, st.Abandoned+st.Delayed)
			}
		})
	})
}

// The limit is exact: the workers take nothing into queues of their own.
func TestQueueLimitIsExact(t *testing.T) {
	eachCount(t, []int{1, 2, 8}, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithQueueLimit(10, scheduler.Reject))
		for range 3 {
			release := hold(t, s)
			ts := fill(t, s, 10)
			require.Equal(t, 10, s.Stats().Queued)
			for range 5 {
				require.Equal(t, task.ErrQueueFull, s.Go(func(*task.Ctx) { t.Error("ran") }).Err())
			}
			release()
			waitAll(t, ts)
		}
		require.NoError(t, s.Close())
		require.EqualValues(t, 15, s.Stats().Rejected)
	})
}

// DropOldest ends the oldest task: its waiters are woken, its group or future learns of the end,
// and its context is released.
func TestDropOldest(t *testing.T) {
	s := open(t, 2, scheduler.WithQueueLimit(4, scheduler.DropOldest))
	other := open(t, 1)
	release := hold(t, s)
	never := func(c *task.Ctx) { t.Error("ran") }
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	plain := s.GoContext(ctx, never, task.Name("plain"))
	waited := async(t, plain.Wait)
	joined := make(chan error, 1)
	joiner := other.Go(func(c *task.Ctx) { joined <- plain.WaitContext(c) })
	awaitState(joiner, task.Waiting)
	future := task.Submit(s, func(c *task.Ctx) (int, error) { never(c); return 0, nil })
	g, gctx := task.NewGroupContext(context.Background(), s)
	require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error { never(c); return nil }))
	cancelled := s.Go(never)
	cancelled.Cancel()

	news := fill(t, s, 4)
	require.Equal(t, task.ErrQueueFull, waited())
	require.Equal(t, task.ErrQueueFull, <-joined)
	require.Equal(t, task.ErrQueueFull, plain.Err())
	_, err := future.WaitContext(context.Background())
	require.Equal(t, task.ErrQueueFull, err)
	require.Equal(t, task.ErrQueueFull, g.WaitContext(context.Background()))
	require.Equal(t, task.ErrQueueFull, context.Cause(gctx))
	require.Equal(t, context.Canceled, cancelled.Wait(), "it was cancelled before")
	require.EqualValues(t, 4, s.Stats().Dropped)
	require.Equal(t, 4, s.Stats().Queued)
	release()
	waitAll(t, news)
	require.NoError(t, joiner.Wait())
}

// Low ones are dropped before normal and high ones, and nothing is dropped for something lower.
func TestDropOldestByLevel(t *testing.T) {
	s := open(t, 1, scheduler.WithQueueLimit(3, scheduler.DropOldest))
	release := hold(t, s)
	submit := func(l task.Level) task.Task { return s.Go(func(*task.Ctx) {}, task.Priority(l)) }
	high, normal, low := submit(task.High), submit(task.Normal), submit(task.Low)
	low2 := submit(task.Low)
	require.Equal(t, task.ErrQueueFull, low.Err())
	normal2 := submit(task.Normal)
	require.Equal(t, task.ErrQueueFull, low2.Err())
	require.Equal(t, task.ErrQueueFull, submit(task.Low).Err(), "all that wait are higher")
	high2 := submit(task.High)
	require.Equal(t, task.ErrQueueFull, normal.Err())
	high3 := submit(task.High)
	require.Equal(t, task.ErrQueueFull, normal2.Err())
	require.Equal(t, task.ErrQueueFull, submit(task.Normal).Err())
	high4 := submit(task.High)
	require.Equal(t, task.ErrQueueFull, high.Err())
	require.Equal(t, 3, s.Stats().Queued)
	release()
	waitAll(t, []task.Task{high2, high3, high4})
	st := s.Stats()
	require.EqualValues(t, 2, st.Rejected)
	require.EqualValues(t, 5, st.Dropped)
}
