package parallel_test

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

var workerCounts = []int{1, 2, 4, 8, 64}

// patience is how long an operation may take before a test calls it hung. No test waits for it to
// pass.
const patience = 5 * time.Minute

// open starts a scheduler and closes it when the test ends.
func open(t testing.TB, workers int, opts ...scheduler.Option) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(append([]scheduler.Option{scheduler.WithWorkers(workers)}, opts...)...)
	require.NoError(t, err)
	t.Cleanup(func() {
		alarm := time.AfterFunc(patience, func() { hung(t, "Close") })
		defer alarm.Stop()
		require.NoError(t, s.Close())
		st := s.Stats()
		require.Equal(t, st.Spawned, st.Finished, "tasks accepted and ended: %+v", st)
		require.Zero(t, st.Stranded, "%+v", st)
	})
	return s
}

// hung ends the process and prints all stacks, because a hang would make Cleanup hang too.
func hung(t testing.TB, what string) {
	buf := make([]byte, 1<<20)
	fmt.Fprintf(os.Stderr, "--- FAIL: %s: %s hangs\n%s\n", t.Name(), what, buf[:runtime.Stack(buf, true)])
	os.Exit(1)
}

// each runs a test with each number of workers.
func each(t *testing.T, test func(t *testing.T, s *scheduler.Scheduler)) {
	for _, n := range workerCounts {
		t.Run(fmt.Sprintf("workers=%d", n), func(t *testing.T) { test(t, open(t, n)) })
	}
}

// within runs f as a task and fails the test if the task does not end. f returns its failures as
// errors, because FailNow would end the task and not the test.
func within(t testing.TB, s *scheduler.Scheduler, f func(c *task.Ctx) error) {
	t.Helper()
	alarm := time.AfterFunc(patience, func() { hung(t, "the task") })
	defer alarm.Stop()
	_, err := parallel.Run(s, func(c *task.Ctx) (struct{}, error) { return struct{}{}, f(c) })
	require.NoError(t, err)
}

// panicOf returns the *task.PanicError with which f panics.
func panicOf(f func()) (pe *task.PanicError) {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		var ok bool
		if pe, ok = v.(*task.PanicError); !ok {
			pe = &task.PanicError{Value: fmt.Errorf("not a PanicError: %v", v)}
		}
	}()
	f()
	return nil
}

// mustPanic returns an error unless f panics with the value.
func mustPanic(what string, value any, f func()) error {
	pe := panicOf(f)
	if pe == nil {
		return fmt.Errorf("%s did not panic", what)
	}
	if pe.Value != value {
		return fmt.Errorf("%s panicked with %v, want %v", what, pe.Value, value)
	}
	if len(pe.Stack) == 0 {
		return fmt.Errorf("%s: no stack", what)
	}
	return nil
}

var errOops = errors.New("oops")

// scale reduces the size of a test where time is scarce.
func scale(n int) int { return testkit.Scale{Race: 10, Short: 4, Emulated: 1, Least: 1}.Of(n) }

// linger works for long enough that thieves come, without a yield point.
func linger(n int) {
	x := 0
	for i := range n {
		x += i ^ x
	}
	lingered.Store(int64(x))
}

var lingered atomic.Int64 // keeps the compiler from removing the loop
