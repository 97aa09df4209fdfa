package scheduler_test

import (
	"context"
	"errors"
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

// Overload: several submitters go on for as long as they like, some of their contexts end at random, some tasks wait and are woken by
// goroutines. Each submission runs once or not at all, and its handle and the counters say which.
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
			require.GreaterOrEqual(t, st.Rejected+st.Dropped, full, "%+v", st) // the dropped ones may have been cancelled
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

// Each context that has to do with a blocked submission ends it when it ends, and nothing of it is left; those who
// wait behind it are served.
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

// Close and Shutdown end the waits of blocked submitters, although no worker comes to take anything.
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

// What a task submits to its own scheduler is let in at once, by whatever way it does so, even when its worker is the only
// one and the queue is full.
func TestInsideNeverWaits(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p scheduler.QueuePolicy) {
		s := open(t, 1, scheduler.WithQueueLimit(1, p))
		var ran atomic.Int64
		count := func(*task.Ctx) { ran.Add(1) }
		var log errlog
		var up atomic.Bool
		root := s.Go(func(c *task.Ctx) {
			up.Store(true)
			for s.Stats().Queued == 0 {
				runtime.Gosched() // until the goroutine has filled the queue
			}
			var ts []task.Task
			for range 10 {
				ctx, cancel := context.WithCancel(c)
				defer cancel()
				ts = append(ts, c.Go(count), s.Go(count), s.GoContext(c, count), s.GoContext(context.Background(), count),
					s.GoContext(ctx, count), task.Submit(s, func(c *task.Ctx) (int, error) { count(c); return 0, nil }).Task())
			}
			g := task.NewGroup(s)
			for range 10 {
				log.check(g.GoContext(c, func(c *task.Ctx) error { count(c); return nil }) == nil, "Group.Go")
				log.check(g.GoContext(context.Background(), func(c *task.Ctx) error { count(c); return nil }) == nil, "Group.Go")
			}
			log.check(g.WaitContext(c) == nil, "Group.Wait")
			for _, x := range ts {
				log.check(x.WaitContext(c) == nil, "%v", x.Err())
			}
		})
		for !up.Load() {
			runtime.Gosched()
		}
		queued := s.Go(func(*task.Ctx) {})
		finish(t, "the task", func() { require.NoError(t, root.Wait()) })
		require.NoError(t, queued.Wait())
		log.require(t)
		require.EqualValues(t, 80, ran.Load())
		require.NoError(t, s.Close())
		st := s.Stats()
		require.Zero(t, st.Rejected+st.Dropped+st.Delayed, "%+v", st)
	})
}

// A task of another scheduler parks where a goroutine would block: its only worker runs another task, which makes the room
// that it waits for, whether it passes a context or not.
func TestForeignTaskParks(t *testing.T) {
	for _, p := range []scheduler.QueuePolicy{scheduler.Block, scheduler.CallerRuns} {
		ways := map[string]func(c *task.Ctx, s *scheduler.Scheduler, fn func(c *task.Ctx)) error{
			"GoContext": func(c *task.Ctx, s *scheduler.Scheduler, fn func(c *task.Ctx)) error {
				return s.GoContext(c, fn).WaitContext(c)
			},
			"derived": func(c *task.Ctx, s *scheduler.Scheduler, fn func(c *task.Ctx)) error {
				ctx, cancel := context.WithCancel(c)
				defer cancel()
				return s.Go(fn, task.Parent(ctx)).WaitContext(c)
			},
			"Group": func(c *task.Ctx, s *scheduler.Scheduler, fn func(c *task.Ctx)) error {
				g := task.NewGroup(s)
				if err := g.GoContext(c, func(c *task.Ctx) error { fn(c); return nil }); err != nil {
					return err
				}
				return g.WaitContext(c)
			},
		}
		for name, way := range ways {
			t.Run(p.String()+"/"+name, func(t *testing.T) {
				s := open(t, 1, scheduler.WithQueueLimit(1, p))
				other := open(t, 1)
				release := hold(t, s)
				queued := fill(t, s, 1)[0]
				var ran atomic.Bool
				x := other.Go(func(c *task.Ctx) {
					if err := way(c, s, func(*task.Ctx) { ran.Store(true) }); err != nil {
						panic(err)
					}
				})
				finish(t, "the other task", func() { other.Go(func(*task.Ctx) { release() }).Wait() })
				finish(t, "the task", func() { require.NoError(t, x.Wait()) })
				require.NoError(t, queued.Wait())
				require.True(t, ran.Load())
				require.EqualValues(t, 1, s.Stats().Delayed)

				release = hold(t, s)
				queued = fill(t, s, 1)[0]
				x = other.Go(func(*task.Ctx) { s.Go(func(*task.Ctx) {}) }) // it passes nothing
				finish(t, "the other task", func() { other.Go(func(*task.Ctx) { release() }).Wait() })
				finish(t, "the task", func() { require.NoError(t, x.Wait()) })
				require.EqualValues(t, 2, s.Stats().Delayed)
				require.NoError(t, queued.Wait())
			})
		}
	}
}

// A foreign task that is cancelled while it waits for room gets its cause, and its submission ends.
func TestForeignTaskIsCancelledWhileBlocked(t *testing.T) {
	s := open(t, 1, scheduler.WithQueueLimit(1, scheduler.Block))
	other := open(t, 1)
	defer hold(t, s)()
	fill(t, s, 1)
	why := errors.New("why")
	var got, fromGroup error
	x := other.Go(func(c *task.Ctx) {
		got = s.GoContext(c, func(*task.Ctx) { t.Error("ran") }).Err()
		g := task.NewGroup(s)
		fromGroup = g.GoContext(c, func(*task.Ctx) error { t.Error("ran"); return nil })
	})
	awaitDelayed(s, 1)
	awaitState(x, task.Waiting)
	x.CancelCause(why)
	require.Equal(t, why, x.Wait())
	require.Equal(t, why, got)
	require.Equal(t, why, fromGroup)
}

// DropOldest ends the oldest: who waits for it is woken, whatever it is a part of learns of it, and its context is let go.
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

// Tasks that have started are neither limited nor dropped, whoever wakes them, and take turns with new ones.
func TestWokenTasksAreNotLimited(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p scheduler.QueuePolicy) {
		s := open(t, 1, scheduler.WithQueueLimit(2, p))
		var parked []task.Task
		var woken atomic.Int64
		root := s.Go(func(c *task.Ctx) {
			for i := range 99 {
				parked = append(parked, c.Go(func(c *task.Ctx) {
					if c.Park() == nil {
						woken.Add(1)
					}
				}, task.Priority(levels[i%3])))
			}
			for _, x := range parked {
				for x.State() != task.Waiting {
					c.Yield()
				}
			}
		})
		require.NoError(t, root.Wait())
		release := hold(t, s)
		queued := fill(t, s, 2)
		finish(t, "Ready", func() {
			for _, x := range parked {
				x.Ready()
			}
		})
		require.Equal(t, 101, s.Stats().Queued)
		if p == scheduler.DropOldest {
			s.Go(func(*task.Ctx) {})
			require.Equal(t, task.ErrQueueFull, queued[0].Err(), "not one of those that were there before")
		}
		release()
		finish(t, "the tasks", func() { waitAll(t, parked) })
		require.EqualValues(t, len(parked), woken.Load())
		for _, x := range queued {
			if err := x.Wait(); p != scheduler.DropOldest {
				require.NoError(t, err)
			}
		}
	})
}

// With CallerRuns, who finds the queue full waits for the end of its own task; so no more than one beyond the limit is queued for
// each submitter.
func TestCallerRuns(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		const limit, submitters = 2, 5
		s := open(t, n, scheduler.WithQueueLimit(limit, scheduler.CallerRuns))
		release := hold(t, s)
		fill(t, s, limit)
		var results []func() task.Task
		for i := range submitters {
			results = append(results, async(t, func() task.Task { return s.Go(func(c *task.Ctx) { c.Yield() }) }))
			awaitDelayed(s, uint64(i+1))
		}
		for s.Stats().Queued < limit+submitters {
			runtime.Gosched()
		}
		release()
		for _, r := range results {
			x := r()
			require.Equal(t, task.Done, x.State(), "the submitter has waited for it")
			require.NoError(t, x.Err())
		}
		var log errlog
		var wg sync.WaitGroup
		for range submitters {
			wg.Go(func() {
				for range scale(1_500) {
					s.Go(func(*task.Ctx) {})
					k := s.Stats().Queued
					log.check(k <= limit+submitters, "%d tasks are queued", k)
				}
			})
		}
		finish(t, "the submitters", wg.Wait)
		log.require(t)
	})
}

// The wait of CallerRuns ends with the contexts that Block's does.
func TestCancelWhileCallerWaits(t *testing.T) {
	s := open(t, 1, scheduler.WithQueueLimit(1, scheduler.CallerRuns))
	release := hold(t, s)
	queued := fill(t, s, 1)
	ctx, cancel := context.WithCancel(context.Background())
	r := async(t, func() task.Task { return s.GoContext(ctx, func(*task.Ctx) { t.Error("ran") }) })
	awaitDelayed(s, 1)
	cancel()
	x := r()
	var ran atomic.Bool
	ctx, cancel = context.WithCancel(context.Background())
	g := task.NewGroup(s)
	went := async(t, func() error { return g.GoContext(ctx, func(*task.Ctx) error { ran.Store(true); return nil }) })
	awaitDelayed(s, 2)
	cancel()
	require.NoError(t, went(), "it has been accepted")
	release()
	require.Equal(t, context.Canceled, x.Wait())
	require.NoError(t, g.WaitContext(context.Background()))
	require.True(t, ran.Load())
	waitAll(t, queued)
}

// A panickyCtx is a context one of whose methods panics from its n-th call on.
type panickyCtx struct {
	context.Context
	method string
	n      atomic.Int64
}

func (x *panickyCtx) call(method string) {
	if method == x.method && x.n.Add(-1) < 0 {
		panic(errCause)
	}
}
func (x *panickyCtx) Err() error            { x.call("Err"); return x.Context.Err() }
func (x *panickyCtx) Done() <-chan struct{} { x.call("Done"); return x.Context.Done() }
func (x *panickyCtx) Value(key any) any     { x.call("Value"); return x.Context.Value(key) }

// Whenever a context panics while it is submitted under: if the panic comes out nothing has been submitted, and otherwise the task
// runs. With CallerRuns a panic that comes in the wait for the task's end is too late to come out.
func TestContextThatPanicsWhileCallerWaits(t *testing.T) {
	ways := map[string]func(s *scheduler.Scheduler, ctx context.Context, fn func(c *task.Ctx)) (wait func() error){
		"GoContext": func(s *scheduler.Scheduler, ctx context.Context, fn func(c *task.Ctx)) func() error {
			return s.GoContext(ctx, fn).Wait
		},
		"Group.Go": func(s *scheduler.Scheduler, ctx context.Context, fn func(c *task.Ctx)) func() error {
			g := task.NewGroup(s)
			err := g.GoContext(ctx, func(c *task.Ctx) error { fn(c); return nil })
			return func() error { return errors.Join(err, g.WaitContext(context.Background())) }
		},
	}
	for name, submit := range ways {
		for _, method := range []string{"Err", "Done", "Value"} {
			for n := range 8 {
				s := open(t, 1, scheduler.WithQueueLimit(1, scheduler.CallerRuns))
				release := hold(t, s)
				queued := fill(t, s, 1)
				ctx, cancel := context.WithCancel(context.Background())
				bad := &panickyCtx{Context: ctx, method: method}
				bad.n.Store(int64(n))
				var ran atomic.Int64
				var wait func() error
				submitted := make(chan struct{})
				go func() {
					defer close(submitted)
					defer func() { _ = recover() }()
					wait = submit(s, bad, func(*task.Ctx) { ran.Add(1) })
				}()
				for over := false; !over && s.Stats().Delayed == 0; runtime.Gosched() {
					select {
					case <-submitted:
						over = true
					default:
					}
				}
				release()
				<-submitted
				waitAll(t, queued)
				if wait != nil {
					require.NoError(t, wait())
				}
				finish(t, "Wait", func() { require.NoError(t, s.Wait(context.Background())) })
				require.Equal(t, wait != nil, ran.Load() == 1, "%s, %s, %d", name, method, n)
				cancel()
			}
		}
	}
}

// TryGo never waits.
func TestTryGoWithFullQueue(t *testing.T) {
	eachPolicy(t, func(t *testing.T, p scheduler.QueuePolicy) {
		s := open(t, 1, scheduler.WithQueueLimit(1, p))
		release := hold(t, s)
		queued := fill(t, s, 1)[0]
		g := task.NewGroup(s)
		var ran atomic.Bool
		accepts := p == scheduler.CallerRuns || p == scheduler.DropOldest
		finish(t, "TryGo", func() {
			require.Equal(t, accepts, g.TryGo(func(*task.Ctx) error { ran.Store(true); return nil }))
		})
		release()
		require.NoError(t, g.WaitContext(context.Background()))
		require.Equal(t, accepts, ran.Load())
		if p != scheduler.DropOldest {
			require.NoError(t, queued.Wait())
		}
	})
}

// The options of a submission that a full queue refuses or delays do not change how it ends.
func TestRefusedMembersAndFutures(t *testing.T) {
	s := open(t, 1, scheduler.WithQueueLimit(1, scheduler.Reject))
	release := hold(t, s)
	queued := fill(t, s, 1)
	_, err := task.Submit(s, func(*task.Ctx) (int, error) { t.Error("ran"); return 0, nil }, task.Parent(context.Background())).WaitContext(context.Background())
	require.Equal(t, task.ErrQueueFull, err)
	g, ctx := task.NewGroupContext(context.Background(), s)
	g.SetLimit(1)
	require.NoError(t, g.GoContext(context.Background(), func(*task.Ctx) error { t.Error("ran"); return nil }))
	require.Equal(t, task.ErrQueueFull, g.WaitContext(context.Background()))
	require.Equal(t, task.ErrQueueFull, context.Cause(ctx))
	release()
	waitAll(t, queued)
}
