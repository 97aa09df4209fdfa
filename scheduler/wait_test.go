package scheduler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

func TestWait(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n)
		require.NoError(t, s.Wait(t.Context()), "there is no task")
		for range scale(1000) {
			var ended atomic.Int32
			for range 3 {
				s.Go(func(c *task.Ctx) {
					c.Go(func(c *task.Ctx) {
						c.Yield()
						ended.Add(1)
					})
					ended.Add(1)
				})
			}
			finish(t, "Wait", func() { require.NoError(t, s.Wait(t.Context())) })
			require.EqualValues(t, 6, ended.Load())
		}
		require.NoError(t, s.Go(func(c *task.Ctx) {}).Wait(), "it is open")
	})
}

// Each goroutine that waits is woken, and finds that its own tasks have ended.
func TestWaitOfMany(t *testing.T) {
	s := open(t, 2)
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range scale(1000) {
				x := s.Go(func(c *task.Ctx) { c.Yield() })
				ok = s.Wait(t.Context()) == nil && x.State() == task.Done && ok
			}
			done <- ok
		}()
	}
	for range 8 {
		require.True(t, <-done)
	}
}

func TestWaitCancelled(t *testing.T) {
	s := open(t, 2)
	x := s.Go(func(c *task.Ctx) { c.Park() })
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("mine")
	cancel(mine)
	require.Equal(t, mine, s.Wait(ctx))

	ctx, cancel = context.WithCancelCause(t.Context())
	result := make(chan error)
	go func() { result <- s.Wait(ctx) }()
	go func() { result <- s.Wait(t.Context()) }()
	cancel(mine)
	require.Equal(t, mine, <-result)
	x.Ready()
	require.NoError(t, <-result)
}

// A blocking call counts until its function has returned, even if its task has been cancelled.
func TestWaitForBlocking(t *testing.T) {
	s := open(t, 1)
	begun, gate := make(chan struct{}), make(chan struct{})
	var returned atomic.Bool
	x := s.Go(func(c *task.Ctx) {
		_ = c.Blocking(func() {
			close(begun)
			<-gate
			returned.Store(true)
		})
	})
	<-begun
	x.Cancel()
	close(gate)
	require.NoError(t, s.Wait(t.Context()))
	require.True(t, returned.Load())
	require.ErrorIs(t, x.Err(), context.Canceled)
}

// After a Shutdown or a Close there is no task.
func TestWaitAfterTheEnd(t *testing.T) {
	s := open(t, 2)
	s.Close()
	finish(t, "Wait", func() { require.NoError(t, s.Wait(t.Context())) })
}
