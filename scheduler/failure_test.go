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

// A panic comes back from Wait with its value and stack, wherever the task was by then, and
// leaves worker and other tasks alone.
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

// fakeT is a testing.T that a task fails.
type fakeT struct{ failed atomic.Bool }

func (f *fakeT) Errorf(string, ...any) { f.failed.Store(true) }
func (f *fakeT) FailNow()              { runtime.Goexit() }

// Goexit, and so testify's require, ends the task and nothing else; deferred calls run, and may
// park.
func TestGoexit(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n)
		var deferred atomic.Int64
		count := scale(2_000)
		var ts, others []task.Task
		for i := range count {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				defer deferred.Add(1)
				defer c.Yield()
				if i%2 == 0 {
					c.Yield()
				}
				if i%3 == 0 {
					f := &fakeT{}
					require.Equal(f, 1, 2)
				}
				runtime.Goexit()
			}))
			others = append(others, s.Go(func(c *task.Ctx) { c.Yield(); c.Sleep(1); c.Yield() }))
		}
		for _, x := range ts {
			require.Equal(t, task.ErrGoexit, x.Wait())
		}
		finish(t, "the others", func() { waitAll(t, others) })
		require.EqualValues(t, count, deferred.Load())
	})
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
	children["lock-and-yield"] = func() {
		s, _ := scheduler.New(scheduler.WithWorkers(1))
		x := s.Go(func(c *task.Ctx) {
			parked := c.Go(func(c *task.Ctx) { c.Park() })
			for parked.State() != task.Waiting {
				c.Yield()
			}
			c.Ready(parked)
			runtime.LockOSThread()
			c.Yield() // to a fiber that was made by an unlocked goroutine
		})
		x.Wait()
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

// A task that locks its thread and then suspends is fatal (F1): the Go runtime says so.
func TestLockingTaskIsFatal(t *testing.T) {
	code, out := child(t, "lock-and-yield")
	require.Equal(t, 2, code)
	require.Contains(t, out, "coro: OS thread locking must match locking at coroutine creation")
}
