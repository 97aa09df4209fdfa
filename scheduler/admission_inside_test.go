package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A task's submission to its own scheduler is let in at once, in each way to submit, even if the
// queue is full and the task holds the only worker.
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

// A task of another scheduler parks where a goroutine would block, with and without a context. Its
// only worker then runs another task, which makes the room that it waits for.
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

// Tasks that have started are neither limited nor dropped, whichever party wakes them, and they
// take turns with new tasks.
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
