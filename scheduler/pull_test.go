package scheduler_test

import (
	"errors"
	"iter"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A sequence gives the same values in Pull as in a loop, if the task suspends between two of them
// and if the sequence itself suspends.
func TestPull(t *testing.T) {
	for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.None} {
		eachCount(t, workerCounts, func(t *testing.T, n int) {
			s := open(t, n, scheduler.WithPinning(p))
			var ts []task.Task
			for range 20 {
				ts = append(ts, s.Go(func(c *task.Ctx) {
					next, stop := task.Pull2(c, func(yield func(int, int) bool) {
						for i := range 100 {
							if i%3 == 0 {
								c.Yield()
							}
							if !yield(i, -i) {
								return
							}
						}
					})
					defer stop()
					for i := range 100 {
						if k, v, ok := next(); !ok || k != i || v != -i {
							panic("Pull2 gave something else")
						}
						c.Sleep(1)
					}
					if _, _, ok := next(); ok {
						panic("more than there is")
					}
				}))
			}
			for _, x := range ts {
				require.NoError(t, x.Wait())
			}
		})
	}
}

// A panic and a Goexit of the sequence come up in next, and stop ends it in the middle.
func TestPullEnds(t *testing.T) {
	errMine := errors.New("mine")
	s := open(t, 2, scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {}))
	pull := func(seq iter.Seq[int]) error {
		return s.Go(func(c *task.Ctx) {
			next, stop := task.Pull(c, seq)
			defer stop()
			next()
			c.Yield()
			next()
		}).Wait()
	}
	require.ErrorIs(t, pull(func(yield func(int) bool) { yield(1); panic(errMine) }), errMine)
	require.ErrorIs(t, pull(func(yield func(int) bool) { yield(1); runtime.Goexit() }), task.ErrGoexit)
	ended := false
	require.NoError(t, pull(func(yield func(int) bool) {
		defer func() { ended = true }()
		for yield(1) {
		}
	}))
	require.True(t, ended)
}

// The stop of Pull2 ends the sequence.
func TestPull2Stops(t *testing.T) {
	s := open(t, 1)
	ended := false
	require.NoError(t, s.Go(func(c *task.Ctx) {
		next, stop := task.Pull2(c, func(yield func(int, int) bool) {
			defer func() { ended = true }()
			for yield(1, 2) {
			}
		})
		next()
		stop()
	}).Wait())
	require.True(t, ended)
}

// A sequence runs as a part of its task, and so does the code after next, on either stack, also
// after either has suspended the task.
func TestPullIsOfTheTask(t *testing.T) {
	s := open(t, 1)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		is := func() {
			if me, _ := task.Current(); me != c {
				panic("the task is not found")
			}
		}
		next, stop := task.Pull(c, func(yield func(int) bool) {
			for i := range 3 {
				is()
				c.Sleep(1)
				is()
				if !yield(i) {
					return
				}
			}
		})
		defer stop()
		for _, ok := next(); ok; _, ok = next() {
			is()
			c.Sleep(1)
			is()
		}
	}).Wait())
}

// Only the task that runs may call Pull and what it returns.
func TestPullOutsideOfTheTask(t *testing.T) {
	s := open(t, 1)
	var (
		ctx  *task.Ctx
		next func() (int, bool)
		stop func()
	)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		ctx = c
		next, stop = task.Pull(c, slices.Values([]int{1, 2}))
		stop()
	}).Wait())
	require.Panics(t, func() { next() })
	require.Panics(t, func() { stop() })
	require.Panics(t, func() { task.Pull(ctx, slices.Values([]int{1})) })
}

// This is why Pull exists: with iter.Pull, a task that moves to another thread ends the process.
func TestStandardPullIsFatal(t *testing.T) {
	const inner = "HEDDLE_TEST_INNER"
	if os.Getenv(inner) == "" {
		cmd := selfexec.Command(t.Context(), "-test.run=^"+t.Name()+"$", "-test.timeout=60s")
		cmd.Env = append(os.Environ(), inner+"=1")
		out, err := cmd.CombinedOutput()
		require.Error(t, err)
		require.Contains(t, string(out), "coro: OS thread locking must match locking at coroutine creation")
		return
	}
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	var ts []task.Task
	for range 8 {
		ts = append(ts, s.Go(func(c *task.Ctx) {
			for {
				next, stop := iter.Pull(slices.Values([]int{1, 2, 3}))
				for _, ok := next(); ok; _, ok = next() {
					c.Sleep(1000)
				}
				stop()
			}
		}))
	}
	ts[0].Wait()
}

// standardPull is iter.Pull. Its sequence is no part of the task that pulls it, so a wait in the
// sequence blocks the worker.
func standardPull(seq iter.Seq[int]) (next func() (int, bool), stop func()) { return iter.Pull(seq) }
