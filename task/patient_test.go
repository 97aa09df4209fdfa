package task_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// Contexts of a user's type take a lock in their methods, and a task of the only worker holds that
// lock while something ends a context above or below them. The end must not make the worker, Close
// or a canceller wait for the lock, because then the holder would never run. See rt.Late and
// rt.See.
func TestEndBesideAContextThatWaits(t *testing.T) {
	// below derives a context from one of a user's type that passes c on. Package context registers
	// it by AfterFunc if c does not show its inner context, as under a deadline of its own.
	below := func(c *task.Ctx, mu *tsync.Mutex) context.Context {
		return keep(context.WithCancel(lockedTeller{lockedContext{c, mu}, c}))
	}
	long := task.Timeout(100 * time.Hour)
	holding := func(c *task.Ctx, mu *tsync.Mutex, meanwhile func()) {
		mu.Lock()
		meanwhile()
		_ = task.Sleep(context.WithoutCancel(c), time.Second)
		mu.Unlock()
	}
	for name, test := range map[string]func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex){
		"a task ends that has asked for Done": func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex) {
			g := lockedContext{keep(context.WithCancel(context.Background())), mu}
			var go1 tsync.Event
			x := s.GoContext(g, func(c *task.Ctx) { c.Done(); go1.Wait() })
			c.Yield()
			holding(c, mu, go1.Set)
			require.NoError(t, x.Wait())
		},
		"the last task under a context ends": func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex) {
			g := lockedContext{keep(context.WithCancel(context.Background())), mu}
			var go1 tsync.Event
			x := s.GoContext(g, func(*task.Ctx) { go1.Wait() })
			c.Yield()
			holding(c, mu, go1.Set)
			require.NoError(t, x.Wait())
		},
		"a task is skipped": func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex) {
			g := lockedContext{keep(context.WithCancel(context.Background())), mu}
			x := s.GoContext(g, func(*task.Ctx) {})
			holding(c, mu, x.Cancel)
			require.ErrorIs(t, x.Wait(), context.Canceled)
		},
		"a task ends above": func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex) {
			var go1 tsync.Event
			var ctx context.Context
			x := c.Go(func(c *task.Ctx) { ctx = below(c, mu); go1.Wait() }, long)
			c.Yield()
			holding(c, mu, go1.Set)
			require.NoError(t, x.Wait())
			require.NoError(t, task.AwaitDone(c, ctx.Done()))
		},
		"a task is cancelled while it holds the lock": func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex) {
			var ctx context.Context
			x := c.Go(func(c *task.Ctx) {
				ctx = below(c, mu)
				mu.Lock()
				_ = c.Park()
				mu.Unlock()
			}, long)
			c.Yield()
			x.Cancel()
			require.ErrorIs(t, ctx.Err(), context.Canceled, "Cancel has returned")
			require.ErrorIs(t, x.Wait(), context.Canceled)
		},
		"Close": func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex) {
			// The end of each of the two takes the lock of the other, whichever Close meets first.
			locks := [2]*tsync.Mutex{mu, new(tsync.Mutex)}
			for i := range locks {
				c.Go(func(c *task.Ctx) {
					_ = below(c, locks[1-i])
					c.Yield()
					locks[i].Lock()
					_ = c.Park()
					locks[i].Unlock()
				}, long)
			}
			for range 3 {
				c.Yield()
			}
			require.NoError(t, s.Close())
		},
		"a context above the tasks ends": func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex) {
			ctx, cancel := context.WithCancel(context.Background())
			var ts []task.Task
			for range 3 {
				ts = append(ts, s.GoContext(ctx, func(c *task.Ctx) {
					_ = below(c, mu)
					mu.Lock()
					_ = c.Park()
					mu.Unlock()
				}, long))
				c.Yield()
			}
			cancel()
			for _, x := range ts {
				require.ErrorIs(t, x.Wait(), context.Canceled)
			}
		},
		"the context of a group ends": func(t *testing.T, s *scheduler.Scheduler, c *task.Ctx, mu *tsync.Mutex) {
			g, _ := task.NewGroupContext(c, s)
			for range 3 {
				g.Go(func(c *task.Ctx) error {
					_ = below(c, mu)
					mu.Lock()
					defer mu.Unlock()
					return c.Park()
				}, long)
				c.Yield()
			}
			g.Go(func(c *task.Ctx) error { return context.DeadlineExceeded })
			require.Equal(t, context.DeadlineExceeded, g.Wait())
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := scheduler.New(scheduler.WithWorkers(1))
				require.NoError(t, err)
				var mu tsync.Mutex
				x := s.Go(func(c *task.Ctx) { test(t, s, c, &mu) })
				limit, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if err := x.WaitContext(limit); limit.Err() != nil {
					require.NoError(t, err)
				}
				require.NoError(t, s.Close())
			})
		})
	}
}

// A task waits under a context of which a method waits, and meanwhile the task that it waits for
// ends. That end must not end the other wait.
func TestWaitForATaskUnderAContextThatWaits(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	var gate tsync.Event
	opened, early := false, false
	x := s.Go(func(c *task.Ctx) {
		y := c.Go(func(c *task.Ctx) { c.Yield() })
		done := keep(context.WithCancel(c))
		calls := 0
		g := methods{Context: done, value: func() {
			if calls++; calls != 1 {
				return
			}
			c.Go(func(c *task.Ctx) { _ = y.Wait(); c.Yield(); opened = true; gate.Set() })
			gate.Wait()
			early = !opened
		}}
		if err := y.WaitContext(g); err != nil {
			t.Error(err)
		}
	})
	require.NoError(t, x.Wait())
	require.True(t, opened)
	require.False(t, early, "the end of the task ended another wait")
}

// A methods is a context that calls a function in Value.
type methods struct {
	context.Context
	value func()
}

// Value implements context.Context.
func (x methods) Value(key any) any {
	x.value()
	return x.Context.Value(key)
}
