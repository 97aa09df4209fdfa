package wait_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Enter returns the caller, whatever the context is, and the cause of a context that has ended.
func TestEnter(t *testing.T) {
	var none context.Context
	ended, end := context.WithCancelCause(bg)
	end(errStop)
	check := func(want *rt.Task, other *task.Ctx) {
		for _, ctx := range []context.Context{bg, other, context.WithValue(other, key{}, 2), context.WithoutCancel(ended)} {
			d, err := enter(ctx)
			assert.NoError(t, err)
			assert.True(t, d == want, "%v", ctx)
		}
		d, err := enter(ended)
		assert.Equal(t, errStop, err)
		assert.True(t, d == want)
		assert.Equal(t, wait.NilContext, recovered(func() { _, _ = wait.Enter(none, nil) }))
	}
	s := open(t, 2)
	var other *task.Ctx
	release := make(chan struct{})
	x := s.Go(func(c *task.Ctx) {
		other = c
		_, _, _ = task.Receive(c, release)
	})
	untilWaiting(x)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		check(desc(c), other)
		check(desc(c), c)
		assert.NoError(t, c.Blocking(func() { check(nil, c) }))
		done := make(chan struct{})
		go func() { defer close(done); check(nil, c) }()
		<-done
		x.CancelCause(errStop)
		d, err := enter(other)
		assert.Equal(t, errStop, err)
		assert.True(t, d == desc(c))
	}).Wait())
	check(nil, func() *task.Ctx { // one whose task has not ended
		var c *task.Ctx
		y := s.Go(func(own *task.Ctx) { c = own; _, _, _ = task.Receive(own, release) })
		untilWaiting(y)
		return c
	}())
	close(release)

	err := s.Go(func(c *task.Ctx) {
		c.Task().CancelCause(errStop)
		for range 2 {
			d, err := enter(c)
			assert.Equal(t, errStop, err)
			assert.True(t, d == desc(c))
		}
		d, err := enter(bg)
		assert.NoError(t, err, "the context says how long, not the task")
		assert.True(t, d == desc(c))
	}).Wait()
	require.Equal(t, errStop, err)
}

// Enter is a yield point, under the task's own Ctx and under another context: other tasks get their
// turn.
func TestEnterYields(t *testing.T) {
	s := open(t, 1, scheduler.WithQuantum(scheduler.MinQuantum))
	ended, end := context.WithCancel(bg)
	end()
	for _, ctxOf := range []func(c *task.Ctx) context.Context{
		func(c *task.Ctx) context.Context { return c },
		func(*task.Ctx) context.Context { return bg },
		func(*task.Ctx) context.Context { return ended },
	} {
		require.NoError(t, s.Go(func(c *task.Ctx) {
			ran := false // both tasks are on the one worker
			c.Go(func(*task.Ctx) { ran = true })
			for ctx := ctxOf(c); !ran; {
				_, _ = enter(ctx)
			}
		}).Wait())
	}
}

// MayEnter returns true only if Enter under the task's own Ctx would return that task and no error,
// at once.
func TestMayEnter(t *testing.T) {
	s := open(t, 2)
	err := s.Go(func(c *task.Ctx) {
		d := desc(c)
		may := func() bool {
			for range 100 { // a checkpoint that is due by its budget is not asked of the task
				if wait.MayEnter(d.Life()) == d {
					return true
				}
				c.Checkpoint()
			}
			return false
		}
		assert.True(t, may())
		assert.NoError(t, c.Blocking(func() { assert.Nil(t, wait.MayEnter(d.Life()), "in Blocking") }))
		done := make(chan struct{})
		go func() { defer close(done); assert.Nil(t, wait.MayEnter(d.Life()), "on a goroutine") }()
		<-done
		assert.NoError(t, c.Go(func(*task.Ctx) { assert.Nil(t, wait.MayEnter(d.Life()), "on another task") }).Wait())
		assert.True(t, may())
		d.Flag().Ask(d.Worker().Dispatch.Load())
		assert.Nil(t, wait.MayEnter(d.Life()), "asked to give way")
		c.Checkpoint()
		assert.True(t, may())
		c.Cancel()
		assert.False(t, may(), "cancelled")
	}).Wait()
	require.Equal(t, context.Canceled, err)
}

type key struct{}

// forgetful has ended, but does not say so yet.
type forgetful struct{ context.Context }

func (forgetful) Done() <-chan struct{} { ch := make(chan struct{}); close(ch); return ch }

func TestCauseOf(t *testing.T) {
	ctx, cancel := context.WithCancelCause(bg)
	cancel(errStop)
	require.Equal(t, errStop, wait.CauseOf(ctx))
	require.Equal(t, errStop, wait.CauseOf(context.WithValue(ctx, key{}, 2)))
	late, end := context.WithTimeout(bg, 0)
	defer end()
	<-late.Done()
	require.Equal(t, context.DeadlineExceeded, wait.CauseOf(late))
	require.Equal(t, context.Canceled, wait.CauseOf(forgetful{bg}), "never nil")
}

// Watch calls the function on the goroutine that ends the context, if that is one of heddle's. So
// it has been called when the cancelling call, or the turning of the clock, returns.
func TestWatch(t *testing.T) {
	clock := handclock.New()
	s := open(t, 2, scheduler.WithClock(clock))
	release := make(chan struct{})
	defer close(release)
	waits := func() (c *task.Ctx, x task.Task) {
		x = s.Go(func(own *task.Ctx) { c = own; _, _, _ = task.Receive(own, release) })
		untilWaiting(x)
		return c, x
	}

	c, x := waits()
	calls := 0
	stop := wait.Watch(c, func(*rt.Late) { calls++ })
	stopped := wait.Watch(c, func(*rt.Late) { calls += 100 })
	require.True(t, stopped())
	require.False(t, stopped())
	x.Cancel()
	require.Equal(t, 1, calls, "by the caller of Cancel")
	require.False(t, stop())

	c, _ = waits()
	timed, cancel := task.WithTimeout(c, time.Hour)
	defer cancel()
	calls = 0
	// These two end together.
	for _, ctx := range []context.Context{timed, context.WithValue(timed, key{}, 2)} {
		wait.Watch(ctx, func(*rt.Late) { calls++ })
		require.True(t, wait.Watch(ctx, func(*rt.Late) { calls += 100 })())
	}
	clock.Advance(time.Hour)
	require.Equal(t, 2, calls, "by the timer")

	// All else is context.AfterFunc's: a context below one of heddle's that ends by itself, one
	// that has ended, and a strange one.
	c, _ = waits()
	timed, cancel = task.WithTimeout(c, time.Hour)
	defer cancel()
	below, end := context.WithCancel(timed)
	called := make(chan struct{})
	stop = wait.Watch(below, func(*rt.Late) { close(called) })
	end()
	<-called
	require.False(t, stop())
	for _, ctx := range []context.Context{endedCtx(t, s), below} {
		called := make(chan struct{})
		wait.Watch(ctx, func(*rt.Late) { close(called) })
		<-called
	}
	stop = wait.Watch(bg, func(*rt.Late) { t.Error("called") })
	require.True(t, stop())
}

// endedCtx returns the Ctx of a task that has ended.
func endedCtx(t *testing.T, s *scheduler.Scheduler) (c *task.Ctx) {
	require.NoError(t, s.Go(func(own *task.Ctx) { c = own; _ = own.Done() }).Wait())
	return c
}
