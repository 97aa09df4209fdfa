package task_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A panickingStarter panics before or after it has called the function.
type panickingStarter struct {
	on  task.Starter
	ran bool
}

func (p panickingStarter) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if p.ran {
		done := make(chan struct{})
		p.on.Go(func(c *task.Ctx) { defer close(done); fn(c) }, opts...)
		<-done
	}
	panic("no")
}

// TestGroupOfAPanickingStarter: if a member's Starter panics, before or after it has called the
// function, the member does not remain counted.
func TestGroupOfAPanickingStarter(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	for _, ran := range []bool{false, true} {
		require.NoError(t, s.Go(func(c *task.Ctx) {
			g := task.NewGroup(panickingStarter{s, ran})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			fn := func(*task.Ctx) error { return nil }
			assert.Equal(t, "no", panicOf(func() { g.Go(fn) }))
			assert.Equal(t, "no", panicOf(func() { _ = g.GoContext(ctx, fn) }))
			assert.Equal(t, "no", panicOf(func() { _ = g.GoContext(ctx, fn, task.Name("x")) }))
			assert.Equal(t, !ran, g.Wait() != nil)
		}).Wait())
	}
}

// foreign is a user's Starter, which starts tasks under a context.
type foreign struct {
	s   *scheduler.Scheduler
	ctx context.Context
}

func (f foreign) Go(fn func(*task.Ctx), opts ...task.Option) task.Task {
	return f.s.GoContext(f.ctx, fn, opts...)
}

// wrapper embeds a scheduler and has its own Go.
type wrapper struct {
	*scheduler.Scheduler
	started *atomic.Int32
}

func (w wrapper) Go(fn func(*task.Ctx), opts ...task.Option) task.Task {
	w.started.Add(1)
	return w.Scheduler.Go(fn, opts...)
}

// A type that embeds a scheduler is not mistaken for the scheduler.
func TestGroupOnAWrapper(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		w := wrapper{s, new(atomic.Int32)}
		g := task.NewGroup(w)
		for range 3 {
			require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error { return nil }))
		}
		require.NoError(t, g.WaitContext(context.Background()))
		require.EqualValues(t, 3, w.started.Load())
	})
}

// after is a Starter whose tasks go on after fn has returned.
type after struct {
	s    *scheduler.Scheduler
	then func(c *task.Ctx)
}

func (a after) Go(fn func(*task.Ctx), opts ...task.Option) task.Task {
	return a.s.Go(func(c *task.Ctx) {
		fn(c)
		fn(c) // does not call the member again
		a.then(c)
	}, opts...)
}

// A member on a foreign Starter ends when its function returns, although its task goes on.
func TestGroupOnAStarterThatGoesOn(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		var calls, went atomic.Int32
		other := task.NewGroup(s)
		g := task.NewGroup(after{s, func(c *task.Ctx) {
			_ = other.GoContext(c, func(c *task.Ctx) error { return c.Sleep(time.Microsecond) })
			if other.WaitContext(c) == nil {
				went.Add(1)
			}
		}})
		g.SetLimit(1)
		for range 10 {
			require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error { calls.Add(1); return nil }))
		}
		require.NoError(t, g.WaitContext(context.Background()))
		require.NoError(t, s.Wait(context.Background()))
		require.EqualValues(t, 10, calls.Load())
		require.EqualValues(t, 10, went.Load())
	})
}

// A Starter that returns the handle of a task that has ended, and calls the function later.
type lateStarter struct {
	s    *scheduler.Scheduler
	late chan func()
}

func (l lateStarter) Go(fn func(c *task.Ctx), _ ...task.Option) task.Task {
	t := l.s.Go(func(*task.Ctx) {})
	_ = t.Wait()
	l.late <- func() { _ = l.s.Go(fn).Wait() }
	return t
}

// A member that ended without its function has ended. A later call of the function does nothing.
func TestGroupOnAStarterThatIsLate(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		l := lateStarter{s, make(chan func(), 1)}
		g := task.NewGroup(l)
		ran := false
		g.Go(func(*task.Ctx) error {
			ran = true
			return nil
		})
		require.NoError(t, g.Wait())
		(<-l.late)()
		require.False(t, ran)
		g.Go(func(*task.Ctx) error { return nil })
		(<-l.late)()
		require.NoError(t, g.Wait(), "the count of members is right")
	})
}

// A context that knows only keys of its own type.
type strictContext struct{ context.Context }

func (strictContext) Value(key any) any { return "the value of " + key.(string) }

// The profiler labels of a context only matter to profiles: that Value panics for their key is no
// reason to make no group.
func TestGroupUnderAStrictContext(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		g, _ := task.NewGroupContext(strictContext{context.Background()}, s)
		g.Go(func(c *task.Ctx) error {
			assert.Equal(t, "the value of x", c.Value("x"))
			return nil
		})
		require.NoError(t, g.Wait())
	})
}
