package scheduler_test

import (
	"runtime"
	"strings"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// The garbage collector walks the stack of each task that waits, so few frames may lie below a task's function.
func TestFramesBelowATask(t *testing.T) {
	var names []string
	below := func() {
		var pcs [64]uintptr
		frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])]) // without Callers, below and the function
		for more := true; more; {
			var f runtime.Frame
			f, more = frames.Next()
			if !strings.HasPrefix(f.Function, "runtime.") && !strings.HasPrefix(f.Function, "iter.") {
				names = append(names, f.Function[strings.LastIndex(f.Function, "/")+1:])
			}
		}
	}
	s := open(t, 1)
	want := []string{"scheduler.(*looper).loop", "scheduler.(*Scheduler).newWorker.(*worker).loopBody.func1"}
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
	until(t, "the task waits", func() bool { return h.State() == task.Waiting })
	for range 5 {
		runtime.GC()
	}
	require.Nil(t, gone.Value())
	h.Ready()
	require.NoError(t, h.Wait())
}
