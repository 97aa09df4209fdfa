package scheduler_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

//go:noinline
func panickingFunction(v any) { panic(v) }

// collect is a panic handler that notes what it gets.
func collect(got *atomic.Int64) scheduler.Option {
	return scheduler.WithPanicHandler(func(t task.Task, e *task.PanicError) {
		if t.State() == task.Done && t.Err() == e {
			got.Add(1)
		}
	})
}

// Wait returns a panic with its value and stack, wherever the task was when it panicked. Its worker
// and other tasks go on.
func TestPanic(t *testing.T) {
	cause := errors.New("cause")
	for name, before := range map[string]func(c *task.Ctx){
		"at once":   func(c *task.Ctx) {},
		"yielded":   func(c *task.Ctx) { c.Go(func(*task.Ctx) {}); c.Yield() },
		"slept":     func(c *task.Ctx) { c.Sleep(time.Microsecond) },
		"spawned":   func(c *task.Ctx) { c.Go(func(*task.Ctx) {}).WaitContext(c) },
		"cancelled": func(c *task.Ctx) { c.Cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			eachCount(t, []int{1, 4}, func(t *testing.T, n int) {
				var handled atomic.Int64
				s := open(t, n, collect(&handled))
				values := []any{"text", 42, cause, fmt.Errorf("wrapped: %w", cause), nil}
				for range 20 {
					for _, v := range values {
						x := s.Go(func(c *task.Ctx) {
							before(c)
							panickingFunction(v)
						})
						err := x.Wait()
						var pe *task.PanicError
						require.ErrorAs(t, err, &pe)
						require.Contains(t, string(pe.Stack), "panickingFunction")
						require.NotContains(t, err.Error(), "\n")
						require.Contains(t, fmt.Sprintf("%+v", err), "panickingFunction")
						switch v := v.(type) {
						case nil:
							var nilErr *runtime.PanicNilError
							require.ErrorAs(t, err, &nilErr)
						case error:
							require.ErrorIs(t, err, cause)
							require.Equal(t, v, pe.Value)
						default:
							require.Equal(t, v, pe.Value)
							require.Nil(t, errors.Unwrap(err))
						}
						require.NoError(t, s.Go(func(c *task.Ctx) { c.Yield() }).Wait())
					}
				}
				require.NoError(t, s.Close())
				require.EqualValues(t, 20*len(values), handled.Load())
				require.EqualValues(t, 20*len(values), s.Stats().Panics)
			})
		})
	}
}

// A task that recovers has not failed.
func TestRecoveredPanic(t *testing.T) {
	s := open(t, 1)
	x := s.Go(func(c *task.Ctx) {
		defer func() { recover(); c.Yield() }()
		c.Yield()
		panic("x")
	})
	require.NoError(t, x.Wait())
}

func init() {
	children["unhandled-panic"] = func() {
		s, _ := scheduler.New(scheduler.WithWorkers(2))
		x := s.Go(func(c *task.Ctx) {
			c.Go(func(*task.Ctx) {}).WaitContext(c)
			panickingFunction(fmt.Sprint("the ", "value"))
		}, task.Name("culprit"))
		x.Wait()
		select {}
	}
}

// An unhandled panic ends the process as a goroutine's would.
func TestUnhandledPanicEndsTheProcess(t *testing.T) {
	code, out := child(t, "unhandled-panic")
	require.Equal(t, 2, code)
	require.Contains(t, out, "panic: the value")
	require.Contains(t, out, "culprit")
	require.Contains(t, out, "panickingFunction")
}
