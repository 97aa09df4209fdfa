package scheduler_test

import (
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

//go:noinline
func waitsDeep(e *tsync.Event, depth int) {
	if depth == 0 {
		e.Wait()
		return
	}
	waitsDeep(e, depth-1)
}

//go:noinline
func startsIt(s *scheduler.Scheduler, fn func(c *task.Ctx)) task.Task { return s.Go(fn) }

// names returns the last parts of the functions' names.
func names(frames []runtime.Frame) (all []string) {
	for _, f := range frames {
		all = append(all, f.Function[strings.LastIndexByte(f.Function, '.')+1:])
	}
	return all
}

// Stacks has the functions that called the place of a start and of a wait, without the library's
// own except for those that users call.
func TestStacks(t *testing.T) {
	s, other, plain := open(t, 2, scheduler.WithSites()), open(t, 1, scheduler.WithSites()), open(t, 1)
	var e tsync.Event
	defer e.Set()
	waiting := func(s *scheduler.Scheduler, fn func(c *task.Ctx)) task.Task {
		x := startsIt(s, fn)
		testkit.Until(t, "it waits", func() bool { return x.State() == task.Waiting })
		return x
	}
	x := waiting(s, func(*task.Ctx) { waitsDeep(&e, 2) })
	started, waits := s.Stacks(x)
	require.Equal(t, []string{"startsIt", "func1", "TestStacks"}, names(started)[:3])
	require.Equal(t, []string{"waitsDeep", "waitsDeep", "waitsDeep", "func2"}, names(waits))
	for i := range s.Tasks() {
		require.Equal(t, i.WaitsAt.Frame(), waits[0])
		require.Equal(t, i.StartedAt.Frame(), started[0])
	}
	for _, frames := range [][]runtime.Frame{started, waits} {
		for _, f := range frames {
			require.True(t, strings.HasPrefix(f.Function, "testing.") || strings.Contains(f.Function, "scheduler_test."), f.Function)
			require.Positive(t, f.Line)
		}
	}

	deep := waiting(s, func(*task.Ctx) { waitsDeep(&e, 100) })
	_, waits = s.Stacks(deep)
	require.Greater(t, len(waits), 20)
	require.LessOrEqual(t, len(waits), 32)
	require.Equal(t, "waitsDeep", names(waits)[len(waits)-1], "the outer frames are left out")

	joins := waiting(s, func(c *task.Ctx) {
		parallel.Do(c, func(c *task.Ctx) { waitsDeep(&e, 0) }, func(*task.Ctx) { waitsDeep(&e, 0) })
	})
	_, waits = s.Stacks(joins)
	require.NotContains(t, strings.Join(names(waits), " "), "loop")

	silent := waiting(plain, func(*task.Ctx) { e.Wait() })
	foreign := waiting(other, func(*task.Ctx) { e.Wait() })
	for _, none := range []task.Task{silent, foreign, {}} {
		started, waits = s.Stacks(none)
		require.Empty(t, started)
		require.Empty(t, waits)
	}
	started, waits = plain.Stacks(silent)
	require.Empty(t, started)
	require.Empty(t, waits)
	require.Equal(t, []bool{true, false, false}, []bool{s.Has(x), s.Has(foreign), s.Has(task.Task{})})
	e.Set()
	require.NoError(t, x.Wait())
	started, waits = s.Stacks(x)
	require.Empty(t, started)
	require.Empty(t, waits)
	require.True(t, s.Has(x), "also when it has ended")
}

// The compiler inlines the iterator of a channel into the loop over it. The task still waits in the
// loop, and not in the library.
func TestSiteInAnIterator(t *testing.T) {
	s := open(t, 1, scheduler.WithSites(), scheduler.WithWaitProfile(1))
	ch := tsync.NewChan[int](0)
	x := s.Go(func(c *task.Ctx) {
		for range ch.All(c) {
		}
	})
	testkit.Until(t, "it waits", func() bool { return x.State() == task.Waiting })
	_, waits := s.Stacks(x)
	require.Len(t, waits, 1)
	require.True(t, strings.HasSuffix(waits[0].File, "/sites_test.go"), waits[0].File)
	for i := range s.Tasks() {
		require.Equal(t, waits[0], i.WaitsAt.Frame())
	}
	ch.Close()
	require.NoError(t, x.Wait())
	places, err := s.WaitPlaces()
	require.NoError(t, err)
	require.Len(t, places, 1)
	require.Equal(t, waits[0].Line, places[0].At.Frame().Line)
}

// The stack of a wait is that of the present wait.
func TestStacksOfSeveralWaits(t *testing.T) {
	s := open(t, 1, scheduler.WithSites())
	var first, second tsync.Event
	defer first.Set()
	defer second.Set()
	var started, between []runtime.Frame
	var went atomic.Bool
	x := startsIt(s, func(c *task.Ctx) {
		waitsDeep(&first, 10)
		started, between = s.Stacks(c.Task())
		went.Store(true)
		waitsDeep(&second, 0)
	})
	testkit.Until(t, "it waits", func() bool { return x.State() == task.Waiting })
	_, waits := s.Stacks(x)
	require.Len(t, waits, 12)
	first.Set()
	testkit.Until(t, "it waits again", func() bool { return went.Load() && x.State() == task.Waiting })
	_, waits = s.Stacks(x)
	require.Equal(t, []string{"waitsDeep", "func1"}, names(waits))
	second.Set()
	require.NoError(t, x.Wait())
	require.Equal(t, "startsIt", names(started)[0])
	require.Empty(t, between, "a task that runs waits for nothing")
}

// WaitPlaces ranks the places by the time that tasks waited there.
func TestWaitPlaces(t *testing.T) {
	s := open(t, 2, scheduler.WithWaitProfile(1))
	places, err := s.WaitPlaces()
	require.NoError(t, err)
	require.Empty(t, places)
	var m tsync.Mutex
	ch := tsync.NewChan[int](0)
	m.Lock()
	receives := func() task.Task { // is inlined, and its closure has one name for each call
		return s.Go(func(c *task.Ctx) { _, _, _ = ch.Recv(c) })
	}
	ts := []task.Task{
		s.Go(func(c *task.Ctx) { waitsForTheLock(c, &m) }),
		s.Go(func(c *task.Ctx) { waitsForTheLock(c, &m) }),
		receives(),
		receives(),
	}
	testkit.Until(t, "all wait", func() bool { return s.Stats().Parks >= 4 })
	m.Unlock()
	ch.Close()
	for _, x := range ts {
		require.NoError(t, x.Wait())
	}
	places, err = s.WaitPlaces()
	require.NoError(t, err)
	require.Len(t, places, 2)
	require.GreaterOrEqual(t, places[0].Waited, places[1].Waited)
	for _, x := range places {
		f := x.At.Frame()
		require.Positive(t, x.Waited)
		require.EqualValues(t, 2, x.Waits)
		if x.WaitsFor == "mutex" {
			require.Contains(t, f.Function, "waitsForTheLock")
		} else {
			require.Equal(t, "chan receive", x.WaitsFor)
			require.Contains(t, f.Function, "TestWaitPlaces")
		}
	}
	_, err = open(t, 1).WaitPlaces()
	require.EqualError(t, err, "scheduler: this scheduler samples no waits: give New the option WithWaitProfile")
}
