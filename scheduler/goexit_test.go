package scheduler_test

import (
	"context"
	"os"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func init() {
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
}

func init() {
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
