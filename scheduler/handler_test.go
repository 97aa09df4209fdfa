package scheduler_test

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

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
}

func init() {
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
}

func init() {
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
}

func init() {
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
	case <-time.After(testkit.Patience - time.Minute): // it hangs, and the parent has Patience
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
