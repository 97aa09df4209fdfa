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
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSmoke(t *testing.T) {
	for _, n := range []int{1, 2, 4, 8, 64} {
		s, err := scheduler.New(scheduler.WithWorkers(n))
		require.NoError(t, err)
		var ran atomic.Int64
		root := s.Go(func(c *task.Ctx) {
			var ts []task.Task
			for range 1000 {
				ts = append(ts, c.Go(func(c *task.Ctx) {
					for range 10 {
						c.Yield()
					}
					ran.Add(1)
				}))
			}
			for _, x := range ts {
				if err := x.Join(c); err != nil {
					panic(err)
				}
			}
		})
		require.NoError(t, root.Wait())
		require.EqualValues(t, 1000, ran.Load())
		for range 100 {
			require.NoError(t, s.Go(func(c *task.Ctx) { c.Sleep(10 * time.Microsecond) }).Wait())
		}
		var wg sync.WaitGroup
		for range 100 {
			wg.Add(1)
			go func() { defer wg.Done(); s.Go(func(c *task.Ctx) { ran.Add(1) }).Wait() }()
		}
		wg.Wait()
		st := s.Stats()
		t.Logf("%+v", st)
		require.NoError(t, s.Shutdown(context.Background()))
		require.NoError(t, s.Close())
	}
}

func TestCloseCancels(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {}))
	require.NoError(t, err)
	var ts []task.Task
	for range 100 {
		ts = append(ts, s.Go(func(c *task.Ctx) { c.Park() }))
		ts = append(ts, s.Go(func(c *task.Ctx) { c.Sleep(time.Hour) }))
	}
	p := s.Go(func(c *task.Ctx) { panic("x") })
	g := s.Go(func(c *task.Ctx) { runtime.Goexit() })
	require.ErrorContains(t, p.Wait(), "x")
	require.ErrorIs(t, g.Wait(), task.ErrGoexit)
	for range 100 {
		g := s.Go(func(c *task.Ctx) { c.Yield(); runtime.Goexit() })
		require.ErrorIs(t, g.Wait(), task.ErrGoexit)
	}
	s.Close()
	for _, x := range ts {
		require.ErrorIs(t, x.Err(), task.ErrClosed)
		require.True(t, errors.Is(x.Err(), context.Canceled))
	}
}
