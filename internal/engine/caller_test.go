package engine

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A goroutine that has the Ctx of a running task is not that task: tasks that it starts and wakes
// go to the injector. The function of a call on the spot is not the task either.
func TestOthersAreNotTheTask(t *testing.T) {
	s := start(withWorkers(1), withStallAfter(0), withQuantum(MaxQuantum)) // no yield is asked
	defer s.Close()
	var w task.Waiter
	waits := s.Go(func(c *task.Ctx) {
		w.Init(c)
		_ = w.Wait()
	})
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for waits.State() != task.Waiting {
			c.Yield()
		}
		d := (*rt.Life)(c).Task()
		done := make(chan struct{})
		go func() {
			defer close(done)
			assert.False(t, d.IsCurrent())
			assert.Nil(t, d.Life().MayEnter())
			assert.Nil(t, rt.Current())
			assert.Nil(t, callerNear(d))
			n := s.inj.Normal()
			task.Submit(c, func(*task.Ctx) (int, error) { return 0, nil })
			assert.EqualValues(t, n+1, s.inj.Normal())
			assert.True(t, w.Claim())
			w.Wake(c)
			assert.EqualValues(t, n+2, s.inj.Normal())
		}()
		<-done // the worker is held
		assert.True(t, d.IsCurrent())
		assert.Same(t, d, d.Life().MayEnter())
		assert.Same(t, d, rt.Current())
		assert.Same(t, d, callerNear(d))
		assert.True(t, d.Host().Call(d, func() {
			assert.False(t, d.IsCurrent())
			assert.Nil(t, d.Life().MayEnter())
			assert.Nil(t, rt.Current())
			assert.Nil(t, callerNear(d))
		}, new(rt.CallKind)))
	}).Wait())
	require.NoError(t, waits.Wait())
}

// callerNear returns the task that rt.CallerNear finds, or nil if the caller is no running task.
func callerNear(near *rt.Task) *rt.Task {
	if d, current := rt.CallerNear(near); current {
		return d
	}
	return nil
}

// A goroutine that has called functions for tasks is an ordinary one again before it ends, because
// the runtime's record of it may soon be another goroutine's.
func TestBlockersLeaveNoEntry(t *testing.T) {
	before := fiber.Entered()
	s := start(withWorkers(2))
	for i := range 8 {
		exits := i%2 == 0
		err := s.Go(func(c *task.Ctx) {
			err := c.BlockingOrAbandon(func() {
				if exits {
					runtime.Goexit()
				}
			})
			require.Equal(t, exits, err == task.ErrGoexit)
		}).Wait()
		require.NoError(t, err)
	}
	s.Close()
	require.Equal(t, before, fiber.Entered())
}
