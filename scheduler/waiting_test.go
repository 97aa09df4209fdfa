package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// The garbage collector walks the stack of each task that waits, so few frames may lie below a
// task's function.
func TestFramesBelowATask(t *testing.T) {
	var names []string
	below := func() {
		var pcs [64]uintptr
		// Callers, below and the function are left out.
		frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if !strings.HasPrefix(f.Function, "runtime.") && !strings.HasPrefix(f.Function, "iter.") {
				names = append(names, f.Function[strings.LastIndex(f.Function, "/")+1:])
			}
		}
	}
	s := open(t, 1)
	want := []string{"engine.(*progress).loop", "engine.(*Scheduler).newWorker.(*worker).loopBody.func1"}
	require.NoError(t, s.Go(func(*task.Ctx) { below() }).Wait())
	require.Equal(t, want, names)

	names = nil
	h := s.Go(func(c *task.Ctx) {
		_ = c.Park()
		below()
	})
	h.Ready()
	require.NoError(t, h.Wait())
	require.Equal(t, want, names, "also after a park")
}

// A task that waits does not keep what only the beginning of its function has used.
func TestAWaitingTaskDropsItsClosure(t *testing.T) {
	s := open(t, 2)
	start := func() (task.Task, weak.Pointer[[1 << 16]byte]) {
		big := new([1 << 16]byte)
		return s.Go(func(c *task.Ctx) {
			big[1]++
			_ = c.Park()
		}), weak.Make(big)
	}
	h, gone := start()
	testkit.Until(t, "the task waits", func() bool { return h.State() == task.Waiting })
	for range 5 {
		runtime.GC()
	}
	require.Nil(t, gone.Value())
	h.Ready()
	require.NoError(t, h.Wait())
}

// The end of a context wakes all tasks that are parked under it, in batches, high and low ones too.
func TestCancelManyUnderOneContext(t *testing.T) {
	for _, workers := range []int{1, 2, 8} {
		s := open(t, workers)
		for range 3 {
			ctx, cancel := context.WithCancelCause(context.Background())
			var ts []task.Task
			for i := range 1000 {
				ts = append(ts, s.GoContext(ctx, func(c *task.Ctx) { _ = c.Park() },
					task.Priority([]task.Level{task.Normal, task.High, task.Low}[i%3])))
			}
			waiting(t, ts...)
			for s.Stats().Sleeping != workers { // so that the end of the context has to wake one
				runtime.Gosched()
			}
			why := errors.New("why")
			cancel(why)
			finish(t, "the end of the tasks", func() {
				for _, x := range ts {
					require.Equal(t, why, x.Wait())
				}
			})
		}
	}
}
