package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A call is an argument with a pointer and a number.
type call struct {
	of *calls
	i  int
}

// calls counts what the tasks of a test do.
type calls struct {
	ran  []atomic.Int32
	bad  atomic.Int32 // tasks that found something wrong
	left tsync.WaitGroup
}

func newCalls(n int) *calls {
	s := &calls{ran: make([]atomic.Int32, n)}
	s.left.Add(n)
	return s
}

func (s *calls) once(t *testing.T) {
	t.Helper()
	assert.Zero(t, s.bad.Load())
	for i := range s.ran {
		if n := s.ran[i].Load(); n != 1 {
			t.Fatalf("task %d has run %d times", i, n)
		}
	}
}

// work is a task that does one of several things, by its number.
var work = task.Define(func(c *task.Ctx, a call) {
	defer a.of.left.Done()
	if a.of.ran[a.i].Add(1) != 1 {
		a.of.bad.Add(1)
	}
	me := c.Task()
	switch a.i % 9 {
	case 1:
		c.Yield()
	case 2:
		child := c.Go(func(*task.Ctx) { me.Ready() })
		if c.Park() != nil || child.Wait() != nil {
			a.of.bad.Add(1)
		}
	case 3:
		a.of.left.Add(1)
		more := call{newCalls(1), 0}
		more.of.left.Add(1)
		go func() { more.of.left.Done(); a.of.left.Done() }()
		if work2.Go(c, more) != nil {
			a.of.bad.Add(1)
		}
		more.of.left.Wait()
	case 4:
		if c.Sleep(1) != nil {
			a.of.bad.Add(1)
		}
	case 5:
		c.Checkpoint()
	}
	if now, ok := task.Current(); !ok || now != c || c.Task() != me || me.State() != task.Running || c.Cancelled() {
		a.of.bad.Add(1)
	}
})

// work2 is a second Func with the same type of argument.
var work2 = task.Define(func(c *task.Ctx, a call) { a.of.left.Done() })

func eachWorkers(t *testing.T, f func(t *testing.T, n int)) {
	for _, n := range []int{1, 2, 4, 8, 64} {
		t.Run(fmt.Sprint("workers=", n), func(t *testing.T) { f(t, n) })
	}
}

// Each task runs once, with its own argument, whatever it does and whoever starts it: tasks,
// goroutines, and both at a time.
func TestFuncRunsEachTaskOnce(t *testing.T) {
	eachWorkers(t, func(t *testing.T, workers int) {
		s, err := scheduler.New(scheduler.WithWorkers(workers))
		require.NoError(t, err)
		defer s.Close()
		const parents = 8
		each := 20_000
		if testing.Short() || testkit.Race {
			each = 2000
		}
		all := newCalls((parents + 1) * each)
		for p := range parents {
			s.Go(func(c *task.Ctx) {
				for i := range each {
					if work.Go(c, call{all, p*each + i}) != nil {
						all.bad.Add(1)
					}
					if i%100 == 99 {
						c.Yield()
					}
				}
			})
		}
		for i := range each {
			require.NoError(t, work.Go(s, call{all, parents*each + i}))
		}
		all.left.Wait()
		all.once(t)
		require.NoError(t, s.Shutdown(context.Background()))
		st := s.Stats()
		assert.Equal(t, st.Spawned, st.Finished)
		assert.Zero(t, st.Live)
	})
}

// A tree of tasks in which each starts two.
func TestFuncTree(t *testing.T) {
	type node struct {
		depth  int
		leaves *atomic.Int64
		left   *tsync.WaitGroup
	}
	var tree *task.Func[node]
	tree = task.Define(func(c *task.Ctx, n node) {
		defer n.left.Done()
		if n.depth == 0 {
			n.leaves.Add(1)
			return
		}
		n.left.Add(2)
		n.depth--
		_ = tree.Go(c, n)
		_ = tree.Go(c, n)
	})
	eachWorkers(t, func(t *testing.T, workers int) {
		s, err := scheduler.New(scheduler.WithWorkers(workers))
		require.NoError(t, err)
		defer s.Close()
		const depth = 12
		root := node{depth, new(atomic.Int64), new(tsync.WaitGroup)}
		root.left.Add(1)
		require.NoError(t, tree.Go(s, root))
		root.left.Wait()
		assert.EqualValues(t, 1<<depth, root.leaves.Load())
	})
}

// The tasks that one task starts begin in their order, after the child that was started before. The
// newest child of all begins first.
func TestFuncOrder(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	var got []int
	note := task.Define(func(c *task.Ctx, i int) { got = append(got, i) })
	const n = 40 // less than the looks for work until the oldest child has a turn
	require.NoError(t, s.Go(func(c *task.Ctx) {
		c.Go(func(*task.Ctx) { got = append(got, -1) })
		for i := range n {
			_ = note.Go(c, i)
		}
		c.Go(func(*task.Ctx) { got = append(got, -2) })
	}).Wait())
	require.NoError(t, s.Wait(context.Background()))
	require.Len(t, got, n+2)
	assert.Equal(t, []int{-2, -1, 0}, got[:3])
	assert.IsIncreasing(t, got)
}

// A Ctx and a handle that a program keeps are those of a task that has ended, also while the
// descriptor serves the tasks that follow. Those that wait for such a task learn of its end.
func TestFuncKeptCtx(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	const n = 1000
	type kept struct {
		c *task.Ctx
		t task.Task
	}
	all := make([]kept, n)
	var bad, waited atomic.Int64
	var left tsync.WaitGroup
	left.Add(2 * n)
	keep := task.Define(func(c *task.Ctx, i int) {
		defer left.Done()
		all[i] = kept{c, c.Task()}
		wait := func(*task.Ctx) {
			defer left.Done()
			if all[i].t.Wait() != nil {
				bad.Add(1)
			}
			waited.Add(1)
		}
		switch i % 10 {
		case 3:
			c.Go(wait)
		case 4:
			c.Go(wait)
			c.Yield() // the other task waits now
		default:
			s.Go(wait) // later
		}
		for j := range i {
			if k := all[j]; k.c != nil && (k.c == c || k.t == c.Task() || k.t.State() == task.Running) {
				bad.Add(1)
			}
		}
	})
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for i := range n {
			_ = keep.Go(c, i)
		}
	}).Wait())
	left.Wait()
	assert.Zero(t, bad.Load())
	assert.EqualValues(t, n, waited.Load())
	for _, k := range all {
		assert.Equal(t, task.Done, k.t.State())
		assert.Equal(t, context.Canceled, k.c.Err())
		k.c.Cancel()
	}
	require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
}

// A task that is cancelled, that has a context derived from its Ctx, or that fails, ends as others
// do, and the next one is not affected.
func TestFuncEnds(t *testing.T) {
	var panics atomic.Int64
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithPanicHandler(func(task.Task, *task.PanicError) { panics.Add(1) }))
	require.NoError(t, err)
	defer s.Close()
	const n = 600
	handles := make([]task.Task, n)
	var ran atomic.Int64
	f := task.Define(func(c *task.Ctx, i int) {
		ran.Add(1)
		handles[i] = c.Task()
		if c.Cancelled() { // (Err would make this the descriptor's last life)
			t.Errorf("task %d begins cancelled", i)
		}
		switch i % 6 {
		case 1:
			panic(i)
		case 2:
			runtime.Goexit()
		case 3:
			c.Task().Cancel()
		case 4:
			ctx, cancel := context.WithCancel(c)
			defer cancel()
			_ = context.WithValue(ctx, livesKey{}, i)
		case 5:
			c.Go(func(*task.Ctx) {})
		}
	})
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for i := range n {
			_ = f.Go(c, i)
		}
	}).Wait())
	require.NoError(t, s.Shutdown(context.Background()))
	assert.EqualValues(t, n, ran.Load())
	assert.EqualValues(t, n/6, panics.Load())
	var pe *task.PanicError
	for i, h := range handles {
		require.Equal(t, task.Done, h.State())
		switch i % 6 {
		case 1:
			require.True(t, errors.As(h.Err(), &pe))
			require.Equal(t, i, pe.Value)
		case 2:
			require.Equal(t, task.ErrGoexit, h.Err())
		case 3:
			require.Equal(t, context.Canceled, h.Err())
		default:
			require.NoError(t, h.Err())
		}
	}
}

// Close skips tasks that have not begun. After it, Go says so, from a task and from outside.
func TestFuncClose(t *testing.T) {
	for _, workers := range []int{1, 2} {
		s, err := scheduler.New(scheduler.WithWorkers(workers))
		require.NoError(t, err)
		const n = 1000
		var ran atomic.Int64
		f := task.Define(func(c *task.Ctx, begun chan struct{}) { ran.Add(1) })
		begun := make(chan struct{})
		var inside error
		s.Go(func(c *task.Ctx) {
			for range n {
				_ = f.Go(c, nil)
			}
			close(begun)
			<-c.Done() // blocks the worker until Close
			inside = f.Go(c, nil)
		})
		<-begun
		s.Close()
		assert.Equal(t, task.ErrClosed, inside)
		assert.Equal(t, task.ErrClosed, f.Go(s, nil))
		if workers == 1 {
			assert.Zero(t, ran.Load())
		}
		st := s.Stats()
		assert.EqualValues(t, n+1, st.Spawned)
		assert.EqualValues(t, n+1, st.Finished)
	}
}

// Close comes at any moment between two drafts. Each draft that runs after that is cancelled, so
// that it and Close end.
func TestFuncCloseBetweenDrafts(t *testing.T) {
	for i := range 300 {
		s, err := scheduler.New(scheduler.WithWorkers(1 + i%2))
		require.NoError(t, err)
		var closing atomic.Bool
		begun := make(chan struct{})
		var chain *task.Func[int]
		chain = task.Define(func(c *task.Ctx, n int) {
			if n == 50 {
				close(begun)
			}
			for closing.Load() && !c.Cancelled() {
				runtime.Gosched()
			}
			_ = chain.Go(c, n+1)
		})
		s.Go(func(c *task.Ctx) { _ = chain.Go(c, 0) })
		<-begun
		closing.Store(i%3 != 0)
		go func() { closing.Store(true) }()
		s.Close()
	}
}

// What Go does with another Starter than the running task's Ctx.
func TestFuncElsewhere(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	other, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithQueueLimit(1, scheduler.Reject))
	require.NoError(t, err)
	defer other.Close()
	var got tsync.WaitGroup
	f := task.Define(func(c *task.Ctx, want task.Starter) {
		defer got.Done()
		if on, ok := want.(*scheduler.Scheduler); ok {
			assert.Equal(t, 2, on.Workers())
		}
		assert.NoError(t, c.Err())
	})
	got.Add(4)
	require.NoError(t, f.Go(s, s))
	require.NoError(t, f.Go(foreign{s, context.Background()}, nil))
	require.NoError(t, s.Go(func(c *task.Ctx) {
		done := make(chan error)
		go func() { done <- f.Go(c, nil) }() // another party's Ctx
		assert.NoError(t, <-done)
		assert.NoError(t, f.Go(s, s))
	}).Wait())
	got.Wait()

	hold := make(chan struct{})
	begun := make(chan struct{})
	other.Go(func(*task.Ctx) { close(begun); <-hold })
	<-begun
	got.Add(1)
	require.NoError(t, f.Go(other, nil))
	require.Equal(t, task.ErrQueueFull, f.Go(other, nil))
	close(hold)
	got.Wait()
}

// A scheduler that looks at its tasks starts them as Ctx.Go does.
func TestFuncObserved(t *testing.T) {
	for _, o := range []scheduler.Option{scheduler.WithLatencies(scheduler.Exact), scheduler.WithDispatchRing(100), scheduler.WithTraceTasks()} {
		s, err := scheduler.New(scheduler.WithWorkers(1), o)
		require.NoError(t, err)
		all := newCalls(300)
		require.NoError(t, s.Go(func(c *task.Ctx) {
			for i := range all.ran {
				_ = work.Go(c, call{all, i})
			}
			assert.Len(t, slices.Collect(s.Tasks()), 1+len(all.ran), "each is a task that can be looked at")
		}).Wait())
		all.left.Wait()
		all.once(t)
		s.Close()
	}
}

func TestFuncMisuse(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	assert.Contains(t, panicOf(func() { task.Define[int](nil) }), "nil function")
	var none *task.Func[int]
	for _, f := range []*task.Func[int]{none, new(task.Func[int])} {
		assert.Contains(t, panicOf(func() { _ = f.Go(s, 1) }), "Define")
	}
	f := task.Define(func(*task.Ctx, int) {})
	assert.Contains(t, panicOf(func() { _ = f.Go(nil, 1) }), "nil Starter")
	var c *task.Ctx
	assert.Contains(t, panicOf(func() { _ = f.Go(c, 1) }), "nil Ctx")
}

// Arguments of all sizes, also of none, arrive.
func TestFuncArguments(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	testArgument(t, s, struct{}{})
	testArgument(t, s, byte(7))
	testArgument(t, s, "text")
	testArgument(t, s, any(3))
	testArgument(t, s, [3]string{"a", "b", "c"})
	testArgument(t, s, [2000]int64{1: 5, 1999: 6})
}

func testArgument[T comparable](t *testing.T, s *scheduler.Scheduler, v T) {
	var got atomic.Int64
	f := task.Define(func(c *task.Ctx, arg T) {
		if arg == v {
			got.Add(1)
		}
	})
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for range 200 {
			_ = f.Go(c, v)
		}
	}).Wait())
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for got.Load() < 200 {
			c.Yield()
		}
	}).Wait())
}
