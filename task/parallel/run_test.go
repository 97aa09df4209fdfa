package parallel_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

func TestRun(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		n, err := parallel.Run(s, func(c *task.Ctx) (int, error) { return fib.Call(c, 20), nil })
		require.NoError(t, err)
		require.Equal(t, 6765, n)
		_, err = parallel.Run(s, func(c *task.Ctx) (int, error) { return 0, errOops })
		require.ErrorIs(t, err, errOops)
	})
}

func TestRunPanics(t *testing.T) {
	s := open(t, 2)
	var pe *task.PanicError
	pe = panicOf(func() {
		parallel.Run(s, func(c *task.Ctx) (int, error) {
			fib.Fork(c, 20) // never joined, because of the panic
			panicHere()
			return 0, nil
		})
	})
	require.NotNil(t, pe)
	require.Equal(t, errOops, pe.Value)
	require.ErrorIs(t, pe, errOops)
	require.Contains(t, string(pe.Stack), "panicHere")

	pe = panicOf(func() {
		parallel.Run(s, func(c *task.Ctx) (int, error) { fib.Fork(c, 1); fib.Fork(c, 2); return 0, nil })
	})
	require.NotNil(t, pe)
	require.Contains(t, pe.Value, "2 forked calls not joined")
}

func panicHere() { panic(errOops) }

func TestRunGoexit(t *testing.T) {
	s := open(t, 2)
	_, err := parallel.Run(s, func(c *task.Ctx) (int, error) { runtime.Goexit(); return 0, nil })
	require.ErrorIs(t, err, task.ErrGoexit)
}

// A startWith starts tasks under a context.
type startWith struct {
	s   *scheduler.Scheduler
	ctx context.Context
}

func (s startWith) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	return s.s.GoContext(s.ctx, fn, opts...)
}

func TestRunCancelled(t *testing.T) {
	s := open(t, 2)
	ctx, cancel := context.WithCancelCause(context.Background())
	_, err := parallel.Run(startWith{s, ctx}, func(c *task.Ctx) (int, error) {
		cancel(errOops)
		<-c.Done()
		return 1, context.Cause(c)
	})
	require.ErrorIs(t, err, errOops)
	_, err = parallel.Run(startWith{s, ctx}, func(c *task.Ctx) (int, error) { return 1, nil })
	require.ErrorIs(t, err, errOops, "it did not start")
}

func TestRunClosed(t *testing.T) {
	s := open(t, 1)
	require.NoError(t, s.Close())
	_, err := parallel.Run(s, func(c *task.Ctx) (int, error) { return 1, nil })
	require.ErrorIs(t, err, task.ErrClosed)
}

// Run parks a task.
func TestRunInTask(t *testing.T) {
	s := open(t, 1)
	n, err := parallel.Run(s, func(c *task.Ctx) (int, error) {
		return parallel.Run(s, func(c *task.Ctx) (int, error) { return 1, nil })
	})
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// A call that is stolen while its parent is cancelled still runs, because its parent needs the
// result.
func TestCancelledParentJoins(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for range scale(300) {
			within(t, s, func(c *task.Ctx) error {
				c.Cancel()
				if n := fib.Call(c, 15); n != 610 {
					return errors.New("wrong result under cancellation")
				}
				return nil
			})
		}
	})
}

// The same holds for calls that are stolen while the scheduler closes.
func TestCloseWhileForking(t *testing.T) {
	for range scale(100) {
		s, err := scheduler.New(scheduler.WithWorkers(4))
		require.NoError(t, err)
		var runs atomic.Bool
		got := make(chan int, 1)
		s.Go(func(c *task.Ctx) {
			runs.Store(true)
			got <- fib.Call(c, 22)
		})
		for !runs.Load() {
			runtime.Gosched()
		}
		require.NoError(t, s.Close())
		require.Equal(t, 17711, <-got)
	}
}
