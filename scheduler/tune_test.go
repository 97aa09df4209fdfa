package scheduler_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A hog that has begun under a quantum that it never uses up gives way when that is changed.
func TestSetQuantum(t *testing.T) {
	s := open(t, 1, scheduler.WithQuantum(scheduler.MaxQuantum), scheduler.WithStallAfter(0))
	require.EqualError(t, s.SetQuantum(scheduler.MinQuantum-1), "scheduler: SetQuantum(99.999µs): want 100µs to 10s")
	require.EqualError(t, s.SetQuantum(scheduler.MaxQuantum+1), "scheduler: SetQuantum(10.000000001s): want 100µs to 10s")
	var stop atomic.Bool
	begun := make(chan struct{})
	hog := s.Go(func(c *task.Ctx) {
		for close(begun); !stop.Load(); {
			c.Checkpoint()
		}
	})
	<-begun
	other := s.Go(func(c *task.Ctx) { stop.Store(true) })
	require.NoError(t, s.SetQuantum(scheduler.MinQuantum))
	finish(t, "the other task", func() { require.NoError(t, other.Wait()) })
	require.NoError(t, hog.Wait())
}

// A task that was on its worker before reports were turned on is reported.
func TestSetStallAfter(t *testing.T) {
	var stop atomic.Bool
	var seen atomic.Int64
	s := open(t, 1, scheduler.WithStallAfter(0), scheduler.WithQuantum(scheduler.MinQuantum),
		scheduler.WithStallHandler(func(scheduler.Stall) { seen.Add(1); stop.Store(true) }))
	require.EqualError(t, s.SetStallAfter(-1), "scheduler: SetStallAfter(-1ns): want 0 (off) or more")
	hog := s.Go(func(c *task.Ctx) {
		for !stop.Load() {
		}
	})
	awaitState(hog, task.Running)
	require.NoError(t, s.SetStallAfter(time.Millisecond))
	finish(t, "the hog", func() { require.NoError(t, hog.Wait()) })
	require.EqualValues(t, 1, seen.Load())
}

// With the option the number of workers follows GOMAXPROCS, also if that changes while all sleep.
func TestWorkersFollowGOMAXPROCS(t *testing.T) {
	_, err := scheduler.New(scheduler.WithWorkers(3), scheduler.WithGOMAXPROCS())
	require.EqualError(t, err, "scheduler: WithWorkers(3) and WithGOMAXPROCS: want one of them")
	before := runtime.GOMAXPROCS(2)
	defer runtime.GOMAXPROCS(before)
	s, err := scheduler.New(scheduler.WithGOMAXPROCS())
	require.NoError(t, err)
	defer s.Close()
	require.Equal(t, 2, s.Workers())
	for _, n := range []int{5, 1, 4} {
		runtime.GOMAXPROCS(n)
		testkit.Until(t, "the workers follow", func() bool {
			_ = s.Go(func(*task.Ctx) {}).Wait()
			return s.Workers() == n
		})
	}
	require.NoError(t, s.Resize(3))
	testkit.Until(t, "a tick", func() bool { return s.Go(func(*task.Ctx) {}).Wait() == nil })
	require.Equal(t, 3, s.Workers(), "until GOMAXPROCS changes the next time")
}
