package tsync

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestWaitGroup(t *testing.T) {
	each(t, func(w *world) {
		var g WaitGroup
		require.NoError(w.t, g.WaitContext(bg))
		requirePanics(w.t, "negative counter", g.Done)
		for range 3 { // the WaitGroup can be used again
			g.Add(5)
			var done atomic.Int32
			for range 3 {
				w.start(func(ctx context.Context) {
					w.check(g.WaitContext(ctx) == nil && done.Load() == 5, "%d are done", done.Load())
				})
			}
			untilWaiting(&g.mu, &g.queue, 3)
			for range 5 {
				w.start(func(context.Context) {
					done.Add(1)
					g.Done()
				})
			}
			w.wait()
			require.Zero(w.t, g.state.Load())
		}
	})
}

func TestWaitGroupCancel(t *testing.T) {
	each(t, func(w *world) {
		var g WaitGroup
		g.Add(1)
		u := w.start(func(ctx context.Context) { w.check(errors.Is(g.WaitContext(ctx), errStop), "Wait") })
		untilWaiting(&g.mu, &g.queue, 1)
		u.cancel(errStop)
		<-u.done
		require.Zero(w.t, length(&g.mu, &g.queue))
		w.start(func(ctx context.Context) { w.check(g.WaitContext(ctx) == nil, "Wait") })
		g.Done()
	})
}

// TestWaitGroupRounds checks that a Done of one round never ends a Wait of the next.
func TestWaitGroupRounds(t *testing.T) {
	each(t, func(w *world) {
		var g WaitGroup
		start := NewChan[int](0)
		n := scale(2000)
		var done atomic.Int64
		w.start(func(ctx context.Context) {
			for range n {
				_, _, _ = start.Recv(ctx)
				done.Add(1)
				g.Done()
			}
		})
		w.start(func(ctx context.Context) {
			for i := range n {
				g.Add(1)
				w.check(start.Send(ctx, i) == nil, "Send")
				w.check(g.WaitContext(ctx) == nil && done.Load() == int64(i+1), "round %d let go with %d done", i, done.Load())
			}
		})
	})
}

func TestWaitGroupGo(t *testing.T) {
	handled := make(chan task.Task, 1)
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithPanicHandler(func(t task.Task, _ *task.PanicError) { handled <- t }))
	require.NoError(t, err)
	var g WaitGroup
	var n, inTasks atomic.Int32
	count := func() {
		n.Add(1)
		if _, ok := task.Current(); ok {
			inTasks.Add(1)
		}
	}
	require.NoError(t, s.Go(func(c *task.Ctx) {
		g.Go(func() {
			count()
			g.Go(count) // here a task calls Go again
		})
		g.Go(func() { panic("counts as done") })
		g.Go(runtime.Goexit)
		g.Wait()
	}).Wait())
	require.EqualValues(t, 2, n.Load())
	require.EqualValues(t, 2, inTasks.Load())
	<-handled
	g.Go(count)
	g.Go(runtime.Goexit)
	g.Wait()
	require.EqualValues(t, 3, n.Load())
	require.EqualValues(t, 2, inTasks.Load())
	require.NoError(t, s.Go(func(c *task.Ctx) {
		_ = c.Blocking(func() { g.Go(count) })
		g.Wait()
	}).Wait())
	require.EqualValues(t, 4, n.Load())
	require.EqualValues(t, 2, inTasks.Load(), "in Blocking the caller is a goroutine")
	requirePanics(t, "nil function", func() { g.Go(nil) })
	requirePanics(t, "negative counter", g.Done)
	require.NoError(t, s.Close())
}

// TestWaitGroupGoNeverRun checks that a function that Close keeps from running does not stay
// counted, nor one passed to Go after Close.
func TestWaitGroupGoNeverRun(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	var g, after WaitGroup
	var ran atomic.Int32
	started := make(chan struct{})
	s.Go(func(c *task.Ctx) {
		g.Go(func() { ran.Add(1) })
		close(started)
		<-c.Done() // occupies the only worker until Close
		after.Go(func() { ran.Add(1) })
	})
	<-started
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		g.Wait()
	}()
	untilWaiting(&g.mu, &g.queue, 1)
	require.NoError(t, s.Close())
	<-waited
	after.Wait()
	require.Zero(t, ran.Load())
	require.Zero(t, g.state.Load()+after.state.Load())
}

// A panic in a function passed to Go ends the process while the function is still counted, so no
// waiter goes on and ends the process before the panic is printed.
func TestWaitGroupGoPanics(t *testing.T) {
	const child = "HEDDLE_TEST_WAITGROUP_PANICS"
	if os.Getenv(child) != "" {
		s, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		var g WaitGroup
		s.Go(func(*task.Ctx) { g.Go(func() { panic(counted{&g}) }) })
		select {}
	}
	cmd := selfexec.Command(t.Context(), "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), child+"=1")
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "panic: 1 counted")
}

// counted is a value for panics that is printed with the counter of g.
type counted struct{ g *WaitGroup }

func (c counted) Error() string { return fmt.Sprint(c.g.state.Load()>>1, " counted") }

// If the scheduler has a handler for panics, the process goes on, and so does a waiter.
func TestWaitGroupGoPanicsHandled(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {}))
	require.NoError(t, err)
	defer s.Close()
	var g WaitGroup
	require.NoError(t, s.Go(func(*task.Ctx) {
		g.Go(func() { panic("handled") })
		g.Wait()
	}).Wait())
}
