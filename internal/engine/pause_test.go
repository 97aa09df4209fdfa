package engine

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// The last worker that is awake may leave the pool instead of going to sleep. Then the pause begins
// as well.
func TestPauseWhileTheLastLeaves(t *testing.T) {
	s := open(t, withWorkers(2))
	var release [2]atomic.Bool
	var on atomic.Int32
	for range 2 {
		s.Go(func(c *task.Ctx) {
			id := (*rt.Life)(c).Task().Host().(*worker).id
			on.Add(1)
			for !release[id].Load() {
			}
		})
	}
	testkit.Until(t, "both workers are busy", func() bool { return on.Load() == 2 })
	paused := make(chan error)
	go func() { paused <- s.Pause(within(t)) }()
	testkit.Until(t, "the pause has begun", s.pause.on.Load)
	require.NoError(t, s.Resize(1))
	release[0].Store(true)
	testkit.Until(t, "the first sleeps", func() bool { return s.idle.Sleeping() == 1 })
	release[1].Store(true)
	require.NoError(t, <-paused)
}

// A worker that joins during a pause runs no task before the pause is over, nor does a worker that
// is woken to leave.
func TestResizeInAPause(t *testing.T) {
	for _, level := range []task.Level{task.Normal, task.High, task.Low} {
		s := open(t, withWorkers(2))
		testkit.Until(t, "both sleep", s.idle.Asleep) // so the pause begins while they sleep
		require.NoError(t, s.Pause(within(t)))
		var ran atomic.Int32
		for range 100 {
			s.Go(func(c *task.Ctx) { ran.Add(1) }, task.Priority(level))
		}
		require.NoError(t, s.Resize(4))
		testkit.Until(t, "the new ones sleep", s.idle.Asleep)
		require.NoError(t, s.Resize(1))
		testkit.Until(t, "the others have left", func() bool { return s.idle.Workers() == 1 })
		require.Zero(t, ran.Load(), "%v", level)
		s.Resume()
		require.NoError(t, s.Wait(within(t)))
		require.EqualValues(t, 100, ran.Load())
	}
}

// Tasks of any level that take turns or start each other stop for a pause, and leave a worker that
// has to leave.
func TestHaltBesideLevels(t *testing.T) {
	for _, level := range []task.Level{task.Normal, task.High, task.Low} {
		s := open(t, withWorkers(2))
		var stop atomic.Bool
		var again func(c *task.Ctx)
		again = func(c *task.Ctx) {
			if !stop.Load() {
				c.Go(again, task.Priority(level))
			}
		}
		for range 4 {
			s.Go(again, task.Priority(level))
			s.Go(func(c *task.Ctx) {
				for !stop.Load() {
					c.Yield()
				}
			}, task.Priority(level))
		}
		require.NoError(t, s.Pause(within(t)), "%v", level)
		s.Resume()
		require.NoError(t, s.Resize(1))
		testkit.Until(t, "one has left", func() bool { return s.idle.Workers() == 1 })
		stop.Store(true)
		require.NoError(t, s.Wait(within(t)))
	}
}
