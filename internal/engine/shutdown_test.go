package engine

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// Wait returns when quiet is closed, also if submissions are refused at the same time.
func TestWaitBesideTheEnd(t *testing.T) {
	s := open(t, withWorkers(1))
	var stop atomic.Bool
	s.Go(func(c *task.Ctx) {
		for !stop.Load() {
			_ = c.Sleep(time.Millisecond)
		}
	})
	waited := make(chan error)
	go func() { waited <- s.Wait(within(t)) }()
	testkit.Until(t, "Wait waits", s.waits.any.Load)
	s.phase.CompareAndSwap(phaseOpen, phaseDraining) // as Shutdown does
	s.waits.mu.Lock()                                // holds quiesce up between its two looks
	stop.Store(true)
	<-s.quiet
	s.live.Add(1) // enter, of a submission that comes late
	s.waits.mu.Unlock()
	require.NoError(t, <-waited)
	s.exit() // it is refused
	require.NoError(t, s.Shutdown(within(t), nil))
}

// What would wait for its own caller is refused in handlers and in blocking calls too.
func TestWaitForOneself(t *testing.T) {
	var s *Scheduler
	got := make(chan error, 3)
	s = open(t, withWorkers(1), withPanicHandler(func(task.Task, *task.PanicError) {
		got <- s.Wait(context.Background())
		got <- s.Pause(context.Background())
	}))
	s.Go(func(c *task.Ctx) { panic("planted") })
	require.Equal(t, errWaitOnTask, <-got)
	require.Equal(t, errPauseOnTask, <-got)
	s.Go(func(c *task.Ctx) {
		_ = c.Blocking(func() { got <- s.Wait(context.Background()) })
	})
	require.Equal(t, errWaitOnTask, <-got)
}
