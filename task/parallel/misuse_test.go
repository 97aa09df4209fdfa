package parallel_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A panic names a nil Ctx and a nil function.
func TestNil(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	values := func(yield func(int) bool) { yield(1) }
	less := func(a, b int) int { return a - b }
	var none *task.Ctx
	var noFunc *parallel.Func[int, int]
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for i, x := range []struct {
			want string
			f    func()
		}{
			{"nil Ctx", func() { _ = parallel.For(none, 1, func(*task.Ctx, int) {}) }},
			{"nil Ctx", func() { _, _ = parallel.Map(none, []int{1}, func(_ *task.Ctx, x int) int { return x }) }},
			{"nil Ctx", func() { _ = parallel.ForEachSeq(none, values, func(*task.Ctx, int) {}) }},
			{"nil Ctx", func() { parallel.InScope(none, func(*parallel.Scope) {}) }},
			{"nil Ctx", func() { _ = parallel.Sort(none, []int{1}) }},
			{"nil Ctx", func() { _ = parallel.SortFunc(none, nil, less) }},
			{"nil Ctx", func() { _ = parallel.SortStableFunc(none, nil, less) }},
			{"nil Ctx", func() { _, _, _ = parallel.MinMax(none, []int{1}) }},
			{"Run with a nil Starter", func() { _, _ = parallel.Run(nil, func(*task.Ctx) (int, error) { return 0, nil }) }},
			{"Run with a nil Starter", func() { _, _ = parallel.Run(none, func(*task.Ctx) (int, error) { return 0, nil }) }},
			{"For with a nil", func() { _ = parallel.For(c, 1, nil) }},
			{"ForRange with a nil", func() { _ = parallel.ForRange(c, 0, 1, nil) }},
			{"ForEach with a nil", func() { _ = parallel.ForEach(c, []int{1}, nil) }},
			{"ForEachSeq with a nil", func() { _ = parallel.ForEachSeq(c, values, nil) }},
			{"Define with a nil", func() { parallel.Define[int, int](nil) }},
			{"Recursive with a nil", func() { parallel.Recursive[int, int](nil) }},
			{"returns nil", func() { parallel.Recursive(func(*parallel.Func[int, int]) func(*task.Ctx, int) int { return nil }) }},
			{"nil Ctx", func() { fib.CallAll(none, []int{1}) }},
			{"nil or zero Func", func() { new(parallel.Func[int, int]).Call(c, 1) }},
			{"nil or zero Func", func() { new(parallel.Func[int, int]).Fork(c, 1) }},
			{"nil or zero Func", func() { new(parallel.Func[int, int]).CallAll(c, nil) }},
			{"nil or zero Func", func() { new(parallel.Func[int, int]).Both(c, 1, 2) }},
			{"nil or zero Func", func() { noFunc.Both(c, 1, 2) }},
			{"nil or zero Func", func() { noFunc.Call(c, 1) }},
			{"nil or zero Func", func() { noFunc.Fork(c, 1) }},
			{"nil or zero Func", func() { noFunc.AppendAll(c, nil, []int{1}) }},
			{"nil or zero Func", func() {
				parallel.Recursive(func(f *parallel.Func[int, int]) func(*task.Ctx, int) int {
					n := f.Fork(c, 1).Join(c)
					return func(*task.Ctx, int) int { return n }
				})
			}},
			{"InScope with a nil", func() { parallel.InScope(c, nil) }},
			{"Do with a nil", func() { parallel.Do(c, func(*task.Ctx) {}, nil) }},
			{"Do with a nil", func() { parallel.Do(c, nil, nil, nil) }},
			{"Map with a nil", func() { _, _ = parallel.Map[int, int](c, nil, nil) }},
			{"Filter with a nil", func() { _, _ = parallel.Filter[int](c, nil, nil) }},
			{"Find with a nil", func() { _, _ = parallel.Find[int](c, nil, nil) }},
			{"Reduce with a nil", func() { _, _ = parallel.Reduce[int](c, nil, 0, nil) }},
			{"Fold with a nil", func() { _, _ = parallel.Fold[int](c, nil, 0, nil, less) }},
			{"Fold with a nil", func() { _, _ = parallel.Fold(c, nil, 0, func(int, []int) int { return 0 }, nil) }},
			{"Accumulate with a nil", func() {
				_, _ = parallel.Accumulate[int, int](c, nil, nil, func(*task.Ctx, int, []int) int { return 0 }, less)
			}},
			{"Accumulate with a nil", func() { _, _ = parallel.Accumulate[int](c, nil, func() int { return 0 }, nil, less) }},
			{"Accumulate with a nil", func() {
				_, _ = parallel.Accumulate(c, nil, func() int { return 0 }, func(*task.Ctx, int, []int) int { return 0 }, nil)
			}},
			{"nil Ctx", func() {
				_, _ = parallel.Accumulate(none, []int{}, func() int { return 0 }, func(*task.Ctx, int, []int) int { return 0 }, less)
			}},
			{"ScanInclusive with a nil", func() { _, _ = parallel.ScanInclusive[int](c, nil, nil) }},
			{"ScanExclusive with a nil", func() { _, _ = parallel.ScanExclusive[int](c, nil, 0, nil) }},
			{"MinMaxFunc with a nil", func() { _, _, _ = parallel.MinMaxFunc[int](c, []int{1}, nil) }},
			{"SortFunc with a nil", func() { _ = parallel.SortFunc[int](c, nil, nil) }},
			{"SortStableFunc with a nil", func() { _ = parallel.SortStableFunc[int](c, nil, nil) }},
		} {
			func() {
				defer func() { assert.Contains(t, fmt.Sprint(recover()), x.want, i) }()
				x.f()
			}()
		}
	}).Wait())
}

// A sort runs as its caller, whatever Ctx it is given. The Ctx of a task that was cancelled does
// not end it.
func TestSortByAnother(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	var other *task.Ctx
	require.Error(t, s.Go(func(c *task.Ctx) { other = c; c.Cancel() }).Wait())
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for _, n := range []int{3, 1000} { // by comparing, and by digits
			xs := numbers(n, 1)
			assert.NoError(t, parallel.Sort(other, xs, parallel.WithGrain(1)))
			assert.True(t, slices.IsSorted(xs))
		}
	}).Wait())
}

// Fork with the Ctx of a task that waits panics, also if the worker has a frame at rest.
func TestForkOfAWaitingTask(t *testing.T) {
	for _, workers := range []int{1, 2} {
		s, err := scheduler.New(scheduler.WithWorkers(workers))
		require.NoError(t, err)
		f := parallel.Define(func(_ *task.Ctx, n int) int { return n })
		require.NoError(t, s.Go(func(c *task.Ctx) {
			for n := range 100 {
				assert.Equal(t, n, f.Fork(c, n).Join(c)) // leaves its frame at rest
				var text string
				parent := c.Task()
				assert.NoError(t, c.Go(func(mine *task.Ctx) {
					for parent.State() != task.Waiting { // if another worker is so fast
						mine.Yield()
					}
					assert.Equal(t, n, f.Fork(mine, n).Join(mine)) // so the worker knows the caller
					defer func() { text = fmt.Sprint(recover()) }()
					f.Fork(c, n)
				}).Wait())
				assert.Contains(t, text, "Fork with the Ctx of another task than the caller")
			}
		}).Wait())
		require.NoError(t, s.Close())
		// Two tasks would write to one worker's queue at once.
		require.False(t, t.Failed(), "on %d workers", workers)
	}
}

// Fork and Both with the Ctx of a task that runs on another worker panic, also if that worker has a
// frame at rest, and the task can go on forking. The Go runtime must not move the task's stack:
// see rt.Worker.Knows. So the stack grows at first, and nothing is collected.
func TestForkOfARunningTask(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	f := parallel.Define(func(_ *task.Ctx, n int) int { return n })
	var grow func(deeper int) int
	grow = func(deeper int) int {
		var room [1024]int
		if deeper > 0 {
			room[deeper] = grow(deeper - 1)
		}
		return room[deeper]
	}
	require.NoError(t, s.Go(func(c *task.Ctx) {
		assert.Zero(t, grow(8))
		for n := range 100 {
			assert.Equal(t, n, f.Fork(c, n).Join(c)) // leaves its frame at rest
			var done atomic.Bool
			misuse := func(call func()) (text string) {
				defer func() { text = fmt.Sprint(recover()) }()
				call()
				return
			}
			var fork, both string
			other := s.Go(func(*task.Ctx) {
				defer done.Store(true)
				fork = misuse(func() { f.Fork(c, n) })
				both = misuse(func() { f.Both(c, n, n) })
			})
			for !done.Load() { // this task keeps its worker, and the other task runs on the other
				runtime.Gosched()
			}
			assert.NoError(t, other.Wait())
			assert.Contains(t, fork, "Fork with the Ctx of another task than the caller")
			assert.Contains(t, both, "Both with the Ctx of another task than the caller")
		}
	}).Wait())
}

// Fork with the Ctx of a task that has ended panics, even if the caller has got its descriptor.
func TestForkOfAnEndedTask(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	f := parallel.Define(func(_ *task.Ctx, n int) int { return n })
	again := 0
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for n := range 100 {
			var ended *task.Ctx
			assert.NoError(t, c.Go(func(c *task.Ctx) { ended = c }).Wait())
			var text string
			assert.NoError(t, c.Go(func(c *task.Ctx) {
				if (*rt.Life)(c).Task() == (*rt.Life)(ended).Task() {
					again++
				}
				defer func() { text = fmt.Sprint(recover()) }()
				f.Fork(ended, n)
			}).Wait())
			assert.Contains(t, text, "Fork with the Ctx of another task than the caller")
		}
	}).Wait())
	assert.Positive(t, again, "tasks with the descriptor of the one before")
}

// A call that a task of a task.Func has not joined is a panic of that task, not a call of the next.
func TestUnjoinedForkOfADraft(t *testing.T) {
	panics := 0
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithPanicHandler(func(_ task.Task, e *task.PanicError) {
		panics++
		assert.Contains(t, e.Error(), "not joined")
	}))
	require.NoError(t, err)
	f := parallel.Define(func(_ *task.Ctx, n int) int { return n })
	draft := task.Define(func(c *task.Ctx, n int) {
		if n%2 == 0 {
			f.Fork(c, n)
		}
	})
	s.Go(func(c *task.Ctx) {
		for n := range 20 {
			_ = draft.Go(c, n)
		}
	})
	require.NoError(t, s.Shutdown(t.Context()))
	assert.Equal(t, 10, panics)
}

// The same among the tasks of a task.Func, which use one descriptor and one stack.
func TestForkOfAnEndedDraft(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	f := parallel.Define(func(_ *task.Ctx, n int) int { return n })
	fork := func(c *task.Ctx, n int) (text string) {
		defer func() { text = fmt.Sprint(recover()) }()
		assert.Equal(t, n, f.Fork(c, n).Join(c))
		return ""
	}
	var ended *task.Ctx
	again := 0
	draft := task.Define(func(c *task.Ctx, n int) {
		if ended != nil {
			if (*rt.Life)(c).Task() == (*rt.Life)(ended).Task() {
				again++
			}
			assert.Contains(t, fork(ended, n), "Fork with the Ctx of another task than the caller")
		}
		assert.Equal(t, "<nil>", fork(c, n))
		ended = c
	})
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for n := range 100 {
			assert.NoError(t, draft.Go(c, n))
		}
	}).Wait())
	require.NoError(t, s.Wait(t.Context()))
	assert.Positive(t, again, "tasks with the descriptor of the one before")
}

// In the function of a blocking call, which runs on the stack of its task but is no part of it,
// Fork panics, wherever the stack's regions of package rt end.
func TestForkInABlockingFunction(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	f := parallel.Define(func(_ *task.Ctx, n int) int { return n })
	var fork func(c *task.Ctx, deeper int)
	fork = func(c *task.Ctx, deeper int) {
		assert.Equal(t, deeper, f.Fork(c, deeper).Join(c))
		var text string
		assert.NoError(t, c.Blocking(func() {
			defer func() { text = fmt.Sprint(recover()) }()
			f.Fork(c, deeper)
		}))
		assert.Contains(t, text, "Fork with the Ctx of another task than the caller")
		if deeper > 0 {
			fork(c, deeper-1)
		}
	}
	require.NoError(t, s.Go(func(c *task.Ctx) { fork(c, 40) }).Wait())
}

// Fork and Join panic on the Ctx of another task wherever they check, which they always do if the
// worker has no frame at rest.
func TestForkOfAnother(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	f := parallel.Define(func(_ *task.Ctx, n int) int { return n })
	refused := func(f func()) {
		defer func() { assert.Contains(t, fmt.Sprint(recover()), "the Ctx of another task than the caller") }()
		f()
	}
	require.NoError(t, s.Go(func(c *task.Ctx) {
		assert.NoError(t, c.Go(func(*task.Ctx) { refused(func() { f.Fork(c, 1) }) }).Wait())
		done := make(chan struct{})
		go func() {
			defer close(done)
			refused(func() { f.Fork(c, 1) })
			refused(func() { f.CallAll(c, []int{1, 2}) })
			refused(func() { f.Both(c, 1, 2) })
		}()
		<-done
		// The sequence is a part of the task.
		next, stop := task.Pull(c, func(yield func(int) bool) {
			x := f.Fork(c, 2)
			yield(x.Join(c))
		})
		defer stop()
		n, _ := next()
		assert.Equal(t, 2, n)
		x := f.Fork(c, 3)
		assert.Equal(t, 3, x.Join(c))
		done = make(chan struct{})
		go func() { // CallAll checks even though there is a frame at rest, and the task runs
			defer close(done)
			refused(func() { f.CallAll(c, []int{1, 2}) })
			refused(func() { f.AppendAll(c, nil, []int{1}) })
		}()
		<-done
		x = f.Fork(c, 3)
		go func() {
			refused(func() { f.Fork(c, 1) }) // even though there is a frame at rest
			refused(func() { f.Both(c, 1, 2) })
			if testkit.Race {
				refused(func() { x.Join(c) })
			}
			c.Task().Ready()
		}()
		assert.NoError(t, c.Park())
		assert.Equal(t, 3, x.Join(c))
	}).Wait())
}
