package tsync

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestWaitGroup(t *testing.T) {
	each(t, func(w *world) {
		var g WaitGroup
		require.NoError(w.t, g.Wait(bg))
		requirePanics(w.t, "negative counter", g.Done)
		for range 3 { // it serves again
			g.Add(5)
			var done atomic.Int32
			for range 3 {
				w.start(func(ctx context.Context) {
					w.check(g.Wait(ctx) == nil && done.Load() == 5, "%d are done", done.Load())
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
		u := w.start(func(ctx context.Context) { w.check(errors.Is(g.Wait(ctx), errStop), "Wait") })
		untilWaiting(&g.mu, &g.queue, 1)
		u.cancel(errStop)
		<-u.done
		require.Zero(w.t, length(&g.mu, &g.queue))
		w.start(func(ctx context.Context) { w.check(g.Wait(ctx) == nil, "Wait") })
		g.Done()
	})
}

// TestWaitGroupRounds: a Done of one round never lets go the Wait of the next.
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
				w.check(g.Wait(ctx) == nil && done.Load() == int64(i+1), "round %d let go with %d done", i, done.Load())
			}
		})
	})
}

func TestWaitGroupGo(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {}))
	require.NoError(t, err)
	var g WaitGroup
	var n atomic.Int32
	g.Go(s, func(c *task.Ctx) {
		n.Add(1)
		g.Go(c, func(*task.Ctx) { n.Add(1) }, task.Name("inner"))
	})
	g.Go(s, func(*task.Ctx) { panic("counts as done") })
	require.NoError(t, g.Wait(bg))
	require.EqualValues(t, 2, n.Load())
	requirePanics(t, "nil function", func() { g.Go(s, nil) })
	require.NoError(t, s.Close())
	require.ErrorIs(t, g.Go(s, func(*task.Ctx) {}).Err(), task.ErrClosed)
	require.NoError(t, g.Wait(bg))
}

// TestWaitGroupGoNeverRun: a task that is cancelled before it starts does not stay counted, nor one that is left over when
// the scheduler is closed.
func TestWaitGroupGoNeverRun(t *testing.T) {
	for _, waiter := range []string{"goroutine", "task"} {
		for _, how := range []string{"Cancel", "Close"} {
			for _, via := range []string{"scheduler", "Ctx", "wrapper"} {
				t.Run(waiter+"/"+how+"/"+via, func(t *testing.T) {
					s, err := scheduler.New(scheduler.WithWorkers(1))
					require.NoError(t, err)
					defer s.Close()
					other, err := scheduler.New(scheduler.WithWorkers(1)) // whose task waits
					require.NoError(t, err)
					defer other.Close()
					var g WaitGroup
					var ran atomic.Int32
					waited := make(chan error, 1)
					var last task.Task
					hold := make(chan struct{})
					started := make(chan struct{})
					s.Go(func(c *task.Ctx) {
						if via == "Ctx" {
							last = g.Go(c, func(*task.Ctx) { ran.Add(1) })
						}
						close(started)
						select { // holds the only worker, so that nothing else starts
						case <-hold:
						case <-c.Done(): // Close
						}
					})
					<-started
					switch via {
					case "scheduler":
						last = g.Go(s, func(*task.Ctx) { ran.Add(1) })
					case "wrapper":
						last = g.Go(wrapper{s}, func(*task.Ctx) { ran.Add(1) })
					}
					if waiter == "task" {
						other.Go(func(c *task.Ctx) { waited <- g.Wait(c) })
					} else {
						go func() { waited <- g.Wait(bg) }()
					}
					untilWaiting(&g.mu, &g.queue, 1)
					if how == "Cancel" {
						last.Cancel()
						close(hold)
					} else {
						require.NoError(t, s.Close())
					}
					require.NoError(t, <-waited)
					require.Zero(t, ran.Load())
					require.Zero(t, g.state.Load())
					require.Error(t, last.Wait())
				})
			}
		}
	}
}

// A wrapper is a Spawner that is not known to package task.
type wrapper struct{ s *scheduler.Scheduler }

func (w wrapper) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task { return w.s.Go(fn, opts...) }
