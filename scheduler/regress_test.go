package scheduler_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A task that is joined from a task of another scheduler wakes it there. (It used to be run by
// the wrong one, whose count of tasks then never came to 0.)
func TestJoinAcrossSchedulers(t *testing.T) {
	a, b := open(t, 1), open(t, 1)
	var gate atomic.Bool
	for range 100 {
		gate.Store(false)
		x := a.Go(func(c *task.Ctx) {
			for !gate.Load() {
				c.Yield()
			}
		})
		y := b.Go(func(c *task.Ctx) {
			if x.WaitContext(c) != nil {
				panic("Join failed")
			}
		})
		for y.State() != task.Waiting {
			runtime.Gosched()
		}
		gate.Store(true)
		finish(t, "Join", func() { waitAll(t, []task.Task{x, y}) })
	}
	finish(t, "Shutdown", func() {
		require.NoError(t, a.Shutdown(context.Background()))
		require.NoError(t, b.Shutdown(context.Background()))
	})
	requireBalance(t, a)
	requireBalance(t, b)
}

// Ready from a task of another scheduler wakes the task on its own.
func TestReadyAcrossSchedulers(t *testing.T) {
	a, b := open(t, 1), open(t, 1)
	x := a.Go(func(c *task.Ctx) { c.Park() })
	for x.State() != task.Waiting {
		runtime.Gosched()
	}
	y := b.Go(func(c *task.Ctx) { c.Ready(x) })
	finish(t, "Ready", func() { waitAll(t, []task.Task{x, y}) })
}

// A task that passes a yield point after sysmon has asked it to give way is in another dispatch, though it is alone and nothing
// takes over. (Its dispatch never changed, and sysmon took it for one that did not listen.)
func TestLoneTaskAtYieldPointsIsNotStalled(t *testing.T) {
	for name, point := range map[string]func(c *task.Ctx){
		"Checkpoint": (*task.Ctx).Checkpoint,
		"Yield":      (*task.Ctx).Yield,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, 1, scheduler.WithQuantum(scheduler.MaxQuantum), scheduler.WithStallAfter(0))
			var log errlog
			x := s.Go(func(c *task.Ctx) {
				dispatch := (*rt.Task)(c).Worker().Dispatch.Load
				for range 100 {
					id := dispatch()
					(*rt.Task)(c).Flag().Ask(id)
					point(c)
					log.check(dispatch() != id, "still in dispatch %d", id)
				}
			})
			require.NoError(t, x.Wait())
			log.require(t)
		})
	}
}

func init() {
	children["close-in-panic-handler"] = func() {
		var s *scheduler.Scheduler
		ended := make(chan struct{})
		s, _ = scheduler.New(scheduler.WithWorkers(1), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {
			s.Close()
			close(ended)
		}))
		x := s.Go(func(c *task.Ctx) { panic("x") })
		x.Wait()
		awaitOrExit(ended, 3)
		awaitOrExit(closing(s), 4)
	}
	children["close-in-stall-handler"] = func() {
		var s *scheduler.Scheduler
		var seen atomic.Bool
		s, _ = scheduler.New(scheduler.WithWorkers(1), scheduler.WithStallAfter(time.Millisecond),
			scheduler.WithStallHandler(func(scheduler.Stall) {
				seen.Store(true)
				s.Close()
			}))
		s.Go(func(c *task.Ctx) {
			for !seen.Load() {
			}
		})
		for !seen.Load() {
			runtime.Gosched()
		}
		awaitOrExit(closing(s), 4)
	}
	children["goexit-in-panic-handler"] = func() {
		s, _ := scheduler.New(scheduler.WithWorkers(1), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {
			runtime.Goexit()
		}))
		for range 10 {
			s.Go(func(c *task.Ctx) { c.Yield(); panic("x") })
			s.Go(func(c *task.Ctx) { c.Yield() })
		}
		awaitOrExit(closed(func() { s.Shutdown(context.Background()) }), 3)
		if st := s.Stats(); st.Spawned != 20 || st.Finished != 20 {
			os.Exit(4)
		}
	}
	children["panic-in-goexit"] = func() {
		s, _ := scheduler.New(scheduler.WithWorkers(1), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {}))
		for range 10 {
			s.Go(func(c *task.Ctx) {
				defer func() { panic("in a deferred call") }()
				c.Yield()
				runtime.Goexit()
			})
			s.Go(func(c *task.Ctx) { c.Yield() })
		}
		awaitOrExit(closed(func() { s.Shutdown(context.Background()) }), 3)
		if st := s.Stats(); st.Spawned != 20 || st.Finished != 20 {
			os.Exit(4)
		}
	}
	children["many-goexits"] = func() {
		debug.SetMaxStack(8 << 20)
		s, _ := scheduler.New(scheduler.WithWorkers(1))
		root := s.Go(func(c *task.Ctx) {
			n := 100_000
			if testkit.Race || selfexec.Emulated() {
				n = 20_000 // still more than the stack would hold
			}
			for range n {
				c.Go(func(c *task.Ctx) { runtime.Goexit() })
			}
		})
		root.Wait()
		awaitOrExit(closed(func() { s.Shutdown(context.Background()) }), 3)
	}
	children["panic-in-panic-handler"] = func() {
		s, _ := scheduler.New(scheduler.WithWorkers(1), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {
			panic("the handler's own panic")
		}))
		s.Go(func(c *task.Ctx) { panic("the first panic") }).Wait()
		select {}
	}
}

func closed(f func()) chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

func closing(s *scheduler.Scheduler) chan struct{} { return closed(func() { s.Close() }) }

func awaitOrExit(done chan struct{}, code int) {
	select {
	case <-done:
	case <-time.After(time.Minute): // it hangs
		debug.SetTraceback("all")
		buf := make([]byte, 1<<16)
		os.Stderr.Write(buf[:runtime.Stack(buf, true)])
		os.Exit(code)
	}
}

// The scheduler's own handlers may close it, as tasks may: it must not wait for itself.
func TestCloseInHandlers(t *testing.T) {
	for _, name := range []string{"close-in-panic-handler", "close-in-stall-handler"} {
		t.Run(name, func(t *testing.T) {
			code, out := child(t, name)
			require.Zero(t, code, out)
		})
	}
}

// A panic handler that calls FailNow does not take a worker with it.
func TestGoexitInPanicHandler(t *testing.T) {
	code, out := child(t, "goexit-in-panic-handler")
	require.Zero(t, code, out)
}

// Goexit goes on after a deferred call has panicked and that was recovered.
// It must not get out of the fiber then either.
func TestPanicInDeferredCallOfGoexit(t *testing.T) {
	code, out := child(t, "panic-in-goexit")
	require.Zero(t, code, out)
}

// A fiber on which tasks call Goexit over and over does not run out of stack. (Each left its frames
// behind: the loop went on from the deferred call.)
func TestManyGoexitsDoNotPileUpStack(t *testing.T) {
	code, out := child(t, "many-goexits")
	require.Zero(t, code, head(out, 20))
}

// A panic of the panic handler is not lost.
func TestPanicInPanicHandlerIsReported(t *testing.T) {
	code, out := child(t, "panic-in-panic-handler")
	require.Equal(t, 2, code)
	require.Contains(t, out, "the first panic")
	require.Contains(t, out, "the handler's own panic")
}

func head(s string, lines int) string {
	l := strings.SplitN(s, "\n", lines+1)
	return strings.Join(l[:min(lines, len(l))], "\n")
}

// The first cancellation decides the cause; a later one does not change what the task and others
// have already seen.
func TestFirstCauseStays(t *testing.T) {
	s := open(t, 1)
	x := s.Go(func(c *task.Ctx) { c.Park() })
	x.Cancel()
	x.CancelCause(errors.New("too late"))
	require.ErrorIs(t, x.Wait(), context.Canceled)
	y := s.Go(func(c *task.Ctx) {
		c.Task().Cancel()
		c.Task().CancelCause(errors.New("too late"))
	})
	require.ErrorIs(t, y.Wait(), context.Canceled)
}

// Waiting for a task inside a bubble, after somebody did outside of it and the
// other way round, works: waiters, which hold channels, must not wander between them. A
// mistake hangs, so the test runs in a process of its own.
func TestWaitersDoNotWanderBetweenBubbles(t *testing.T) {
	const inner = "HEDDLE_TEST_INNER"
	if os.Getenv(inner) == "" {
		cmd := selfexec.Command(t.Context(), "-test.run=^"+t.Name()+"$", "-test.timeout=10s")
		cmd.Env = append(os.Environ(), inner+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, head(string(out), 20))
		return
	}
	wait := func(t *testing.T) {
		s, err := scheduler.New(scheduler.WithWorkers(2))
		require.NoError(t, err)
		defer s.Close()
		for range 10 {
			require.NoError(t, s.Go(func(c *task.Ctx) { c.Sleep(time.Millisecond) }).Wait())
		}
	}
	for range 3 {
		wait(t)
		synctest.Test(t, wait)
	}
}
