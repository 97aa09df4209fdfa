package engine

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/taskpool"
	"github.com/heddle-go/heddle/task"
)

// If the last worker that is awake leaves the pool, the parties that wait until all workers sleep
// learn of it: Pause, and the end.
func TestTheLastWorkerAwakeLeaves(t *testing.T) {
	s := newBare(2)
	s.workers()[0].announce()
	last := s.workers()[1]
	asleep, _, err := s.beginPause(&s.life)
	require.NoError(t, err)
	s.phase.Store(phaseDraining)
	require.False(t, last.depart(), "it is a member")
	last.member.Store(wkLeaving)
	require.True(t, last.depart())
	for what, c := range map[string]<-chan struct{}{"Pause": asleep.Done(), "the end": s.quiet} {
		select {
		case <-c:
		default:
			t.Errorf("%s does not hear of it", what)
		}
	}
}

// What a base provides lasts for the tasks that start next.
func TestProvide(t *testing.T) {
	s := start(withWorkers(1))
	defer s.Close()
	require.NoError(t, s.Go(func(c *task.Ctx) {
		w := s.workers()[0]
		for range 2 {
			w.freeTasks = taskpool.List{}
			w.provide()
			assert.GreaterOrEqual(t, w.freeTasks.Len(), provided)
			n := w.freeTasks.Len()
			w.provide()
			assert.Equal(t, n, w.freeTasks.Len(), "there are enough")
		}
	}).Wait())
}

// A worker that needs a fiber only to look for work gets nothing for tasks. So it stays without
// what it has given back after a burst.
func TestAnIdleWorkerProvidesNothing(t *testing.T) {
	s := start(withWorkers(1))
	defer s.Close()
	w := s.workers()[0]
	x := s.Go(func(c *task.Ctx) { _ = c.Park() })
	for x.State() != task.Waiting {
		runtime.Gosched()
	}
	allAsleep(s)
	require.Zero(t, w.freeTasks.Len())
	x.Ready()
	require.NoError(t, x.Wait())
}
