package task_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

func TestBlocking(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		require.ErrorIs(t, s.Go(func(c *task.Ctx) {
			called := 0
			for range 100 {
				assert.NoError(t, c.Blocking(func() { called++ }))
			}
			assert.Equal(t, 100, called)

			v, err := task.BlockingValue(c, func() (int, error) { return 7, errStop })
			assert.Equal(t, 7, v)
			assert.Equal(t, errStop, err)

			// The worker runs other tasks, and fn may wait for them.
			var met task.Completion[int]
			c.Go(func(*task.Ctx) { met.Complete(1, nil) })
			assert.NoError(t, c.Blocking(func() { <-met.Done() }))

			pe, isPanic := recovered(func() { c.Blocking(func() { panic(errStop) }) }).(*task.PanicError)
			if assert.True(t, isPanic) {
				assert.Equal(t, errStop, pe.Value)
				assert.Contains(t, string(pe.Stack), "blocking_test.go")
			}
			assert.Equal(t, task.ErrGoexit, c.BlockingOrAbandon(runtime.Goexit))
			assert.Equal(t, task.ErrGoexit, c.Go(func(c *task.Ctx) { c.Blocking(runtime.Goexit) }).WaitContext(c))
			assert.NoError(t, c.Blocking(func() {}))

			// In these functions a wait blocks the goroutine, and a task is started from outside.
			for _, blocking := range []func(func()) error{c.Blocking, c.BlockingOrAbandon} {
				var later task.Completion[int]
				c.Go(func(*task.Ctx) { later.Complete(1, nil) })
				assert.NoError(t, blocking(func() {
					c.Yield()
					c.Checkpoint()
					assert.NoError(t, c.Sleep(1))
					assert.NoError(t, c.Blocking(func() {}))
					assert.NoError(t, c.BlockingOrAbandon(func() {}))
					assert.NoError(t, c.Go(func(*task.Ctx) {}).Wait())
					v, err := later.WaitContext(c)
					assert.Equal(t, 1, v)
					assert.NoError(t, err)
					assert.Contains(t, fmt.Sprint(recovered(func() { c.Park() })), "only tasks have a token")
					assert.Contains(t, fmt.Sprint(recovered(func() { task.Pull(c, slices.Values([]int{1})) })), "another than the task")
				}))
			}
			assert.Panics(t, func() { c.Blocking(nil) })
			assert.Panics(t, func() { task.BlockingValue[int](c, nil) })

			c.Cancel()
			assert.ErrorIs(t, c.Blocking(func() { t.Error("called for a cancelled task") }), context.Canceled)
		}).Wait(), context.Canceled)
	})
}

// At most as many functions run at once as the limit allows, and all of them run.
func TestBlockingLimit(t *testing.T) {
	const limit = 3
	guarded(t, []scheduler.Option{scheduler.WithBlockingLimit(limit)}, func(t *testing.T, s *scheduler.Scheduler) {
		var active, most, called atomic.Int32
		g := task.NewGroup(s)
		for i := range 200 {
			require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error {
				return c.Blocking(func() {
					n := active.Add(1)
					for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					}
					runtime.Gosched()
					active.Add(-1)
					called.Add(1)
					if i%20 == 0 {
						panic("some")
					}
				})
			}))
		}
		require.Contains(t, fmt.Sprint(recovered(func() { g.WaitContext(context.Background()) })), "some")
		require.EqualValues(t, 200, called.Load())
		require.LessOrEqual(t, int(most.Load()), limit)
	})
}

func TestBlockingLimitRange(t *testing.T) {
	for _, n := range []int{-1, 0, scheduler.MaxBlockingLimit + 1} {
		_, err := scheduler.New(scheduler.WithBlockingLimit(n))
		require.ErrorContains(t, err, "WithBlockingLimit")
	}
}

// A cancelled task goes on at once, both while its function runs and while its function is in the
// queue. In the queue the function is never called. The task ends when its function has returned.
func TestBlockingCancel(t *testing.T) {
	guarded(t, []scheduler.Option{scheduler.WithBlockingLimit(1)}, func(t *testing.T, s *scheduler.Scheduler) {
		begun, end, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
		first := s.Go(func(c *task.Ctx) {
			defer close(left)
			v, err := task.BlockingValueOrAbandon(c, func() (int, error) { close(begun); <-end; return 1, nil })
			assert.Zero(t, v)
			assert.Equal(t, errStop, err)
		})
		<-begun
		second := s.Go(func(c *task.Ctx) {
			assert.Equal(t, errStop, c.Blocking(func() { t.Error("called though cancelled in the queue") }))
		})
		var third sync.WaitGroup
		third.Add(1)
		s.Go(func(c *task.Ctx) { defer third.Done(); assert.NoError(t, c.Blocking(func() {})) })
		for second.State() != task.Waiting {
			runtime.Gosched()
		}
		second.CancelCause(errStop)
		require.Equal(t, errStop, second.Wait())
		first.CancelCause(errStop)
		<-left
		awaitState(first, task.Waiting)
		close(end)
		require.Equal(t, errStop, first.Wait())
		third.Wait()
	})
}

// awaitState waits until x is in state want.
func awaitState(x task.Task, want task.State) {
	testkit.Spin(func() bool { return x.State() == want })
}

// Shutdown and Close wait for functions that no task waits for.
func TestBlockingClose(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		begun, end := make(chan struct{}), make(chan struct{})
		x := s.Go(func(c *task.Ctx) { c.Blocking(func() { close(begun); <-end }) }, task.Name("caller"))
		<-begun
		x.Cancel()
		awaitState(x, task.Waiting)
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err := s.Shutdown(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var running *scheduler.RunningError
		require.ErrorAs(t, err, &running)
		require.Equal(t, []task.Task{x}, running.Tasks)
		require.ErrorContains(t, err, `1 tasks not ended: task "caller" (waiting)`)
		closed := make(chan struct{})
		go func() { s.Close(); close(closed) }()
		select {
		case <-closed:
			t.Error("Close did not wait")
		case <-time.After(time.Millisecond):
		}
		close(end)
		<-closed
		require.ErrorIs(t, x.Err(), context.Canceled)
	})
}

// However a task ends after it has left a call, it ends only after the call's function has
// returned. The waiters of the task, of its group and of its future all see that.
func TestBlockingOutlastsNoTask(t *testing.T) {
	ways := []struct {
		name string
		end  func(c *task.Ctx)
	}{
		{"return", func(*task.Ctx) {}},
		{"panic", func(*task.Ctx) { panic("at the end") }},
		{"Goexit", func(*task.Ctx) { runtime.Goexit() }},
	}
	starts := []struct {
		name string
		// start starts f, and returns a function that cancels it and one that waits for its end.
		start func(s *scheduler.Scheduler, f func(c *task.Ctx)) (cancel func(), wait func())
	}{
		{"Wait", func(s *scheduler.Scheduler, f func(c *task.Ctx)) (cancel, wait func()) {
			x := s.Go(f)
			return x.Cancel, func() { x.Wait() }
		}},
		{"Join", func(s *scheduler.Scheduler, f func(c *task.Ctx)) (cancel, wait func()) {
			x := s.Go(f)
			return x.Cancel, func() { s.Go(func(c *task.Ctx) { x.WaitContext(c) }).Wait() }
		}},
		{"stolen call", func(s *scheduler.Scheduler, f func(c *task.Ctx)) (cancel, wait func()) {
			x := s.Go(func(c *task.Ctx) { parallel.Do(c, f, func(c *task.Ctx) { untilCancelled(c) }) })
			return x.Cancel, func() { x.Wait() }
		}},
		{"group", func(s *scheduler.Scheduler, f func(c *task.Ctx)) (cancel, wait func()) {
			g := task.NewGroup(s)
			var x task.Task
			var known task.Completion[task.Task]
			g.GoContext(context.Background(), func(c *task.Ctx) error { known.Complete(c.Task(), nil); f(c); return nil })
			x, _ = known.WaitContext(context.Background())
			return x.Cancel, func() { recovered(func() { g.WaitContext(context.Background()) }) }
		}},
		{"group with a context and a limit", func(s *scheduler.Scheduler, f func(c *task.Ctx)) (cancel, wait func()) {
			ctx, stop := context.WithCancel(context.Background())
			g, _ := task.NewGroupContext(ctx, s)
			g.SetLimit(1)
			g.GoContext(context.Background(), func(c *task.Ctx) error { f(c); return nil })
			return stop, func() { recovered(func() { g.WaitContext(context.Background()) }) }
		}},
		{"future", func(s *scheduler.Scheduler, f func(c *task.Ctx)) (cancel, wait func()) {
			x := task.Submit(s, func(c *task.Ctx) (int, error) { f(c); return 0, nil })
			return x.Task().Cancel, func() { x.WaitContext(context.Background()) }
		}},
	}
	handler := scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {})
	guarded(t, []scheduler.Option{handler}, func(t *testing.T, s *scheduler.Scheduler) {
		for _, start := range starts {
			for _, way := range ways {
				t.Run(start.name+"/"+way.name, func(t *testing.T) {
					begun, end, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
					var returned atomic.Bool
					cancel, wait := start.start(s, func(c *task.Ctx) {
						assert.ErrorIs(t, c.BlockingOrAbandon(func() { close(begun); <-end; returned.Store(true) }), context.Canceled)
						close(left)
						way.end(c)
					})
					<-begun
					cancel()
					<-left
					over := make(chan bool)
					go func() { wait(); over <- returned.Load() }()
					for range 100 {
						runtime.Gosched()
					}
					close(end)
					require.True(t, <-over, "the end was told while the function ran")
				})
			}
		}
	})
}

// A task's end also comes after the end of a left function that panics or calls Goexit. If the
// function was never called, the task does not wait for it.
func TestBlockingLeftCallsEnd(t *testing.T) {
	var panics atomic.Int32
	handler := scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {
		for range 10_000 {
			runtime.Gosched() // time for the task to end too early
		}
		panics.Add(1)
	})
	guarded(t, []scheduler.Option{handler, scheduler.WithBlockingLimit(1)}, func(t *testing.T, s *scheduler.Scheduler) {
		panics.Store(0)
		for _, last := range []func(){func() {}, runtime.Goexit, func() { panic(errStop) }} {
			begun, end, left := make(chan struct{}), make(chan struct{}), make(chan struct{})
			x := s.Go(func(c *task.Ctx) {
				defer close(left)
				c.BlockingOrAbandon(func() { close(begun); <-end; last() })
			})
			<-begun
			queued := s.Go(func(c *task.Ctx) { c.Blocking(func() { t.Error("called") }) })
			awaitState(queued, task.Waiting)
			queued.Cancel()
			require.ErrorIs(t, queued.Wait(), context.Canceled)
			x.Cancel()
			<-left
			close(end)
			require.ErrorIs(t, x.Wait(), context.Canceled)
		}
		require.EqualValues(t, 1, panics.Load(), "a task ends after the panic of its call was handled")
	})
}

// A function that closes the scheduler does not wait for itself. It may wait for tasks.
func TestBlockingEnds(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		x := s.Go(func(c *task.Ctx) {
			other := c.Go(func(c *task.Ctx) { c.Yield() })
			assert.NoError(t, c.Blocking(func() {
				assert.NoError(t, other.Wait())
				assert.ErrorContains(t, s.Shutdown(context.Background()), "would wait for its caller")
			}))
			// The function may return first.
			if err := c.Blocking(func() { s.Close() }); err != nil {
				assert.ErrorIs(t, err, task.ErrClosed)
			}
			assert.ErrorIs(t, context.Cause(c), task.ErrClosed)
		})
		require.ErrorIs(t, x.Wait(), task.ErrClosed)
		require.NoError(t, s.Close())
	})
}

// A panic that comes after the task has gone on is not lost.
func TestBlockingStrayPanic(t *testing.T) {
	type report struct {
		t task.Task
		e *task.PanicError
	}
	got := make(chan report, 1)
	handler := scheduler.WithPanicHandler(func(t task.Task, e *task.PanicError) { got <- report{t, e} })
	guarded(t, []scheduler.Option{handler}, func(t *testing.T, s *scheduler.Scheduler) {
		begun, end := make(chan struct{}), make(chan struct{})
		left := make(chan struct{})
		x := s.Go(func(c *task.Ctx) {
			defer close(left)
			c.BlockingOrAbandon(func() { close(begun); <-end; panic(errStop) })
		})
		<-begun
		x.Cancel()
		<-left
		close(end)
		r := <-got
		require.Equal(t, x, r.t)
		require.Equal(t, errStop, r.e.Value)
		require.EqualValues(t, 1, s.Stats().Panics)
	})
}

// Each call ends and the counts balance, whenever the task is cancelled.
func TestBlockingCancelStress(t *testing.T) {
	guarded(t, []scheduler.Option{scheduler.WithBlockingLimit(2)}, func(t *testing.T, s *scheduler.Scheduler) {
		rounds := 1000
		if testing.Short() {
			rounds = 200
		}
		var ts []task.Task
		for i := range rounds {
			x := s.Go(func(c *task.Ctx) {
				for c.Blocking(func() {
					if i%8 == 0 {
						runtime.Gosched()
					}
					if i%16 == 0 {
						runtime.Goexit()
					}
				}) == nil {
				}
			})
			ts = append(ts, x)
			if i >= 4 {
				ts[i-4].Cancel()
			}
		}
		for _, x := range ts {
			x.Cancel()
			x.Wait()
		}
	})
}

func ExampleCtx_Blocking() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	s.Go(func(c *task.Ctx) {
		native := make(chan string)
		go func() { native <- "from a native channel" }()
		v, err := task.BlockingValue(c, func() (string, error) { return <-native, nil })
		fmt.Println(v, err)
	}).Wait()
	// Output: from a native channel <nil>
}
