package task_test

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// An argument is not kept by a task that has dropped it, has ended, or was skipped.
func TestFuncKeepsNoArgument(t *testing.T) {
	type big [1000]byte
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	var wait tsync.Event
	ended := task.Define(func(c *task.Ctx, b *big) {})
	waits := task.Define(func(c *task.Ctx, b *big) { wait.Wait() })
	var at []weak.Pointer[big]
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for i := range 300 {
			b := new(big)
			at = append(at, weak.Make(b))
			if i%3 == 0 {
				_ = waits.Go(c, b)
			} else {
				_ = ended.Go(c, b)
			}
		}
	}).Wait())
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for s.Stats().Queued > 0 {
			c.Yield()
		}
	}).Wait())
	assertGone(t, at)
	at = nil
	begun := make(chan struct{})
	s.Go(func(c *task.Ctx) {
		for range 300 {
			b := new(big)
			at = append(at, weak.Make(b))
			_ = ended.Go(c, b)
		}
		close(begun)
		<-c.Done()
	})
	<-begun
	wait.Set()
	s.Close()
	assertGone(t, at)
	runtime.KeepAlive(ended)
	runtime.KeepAlive(waits)
	runtime.KeepAlive(s)
}

func assertGone[T any](t *testing.T, at []weak.Pointer[T]) {
	t.Helper()
	n := 0
	for range 20 {
		runtime.GC()
		n = 0
		for _, p := range at {
			if p.Value() != nil {
				n++
			}
		}
		if n <= 1 { // a dead word on a stack may keep one
			return
		}
	}
	t.Errorf("%d of %d arguments are kept", n, len(at))
}

// A scheduler that looks, or has been closed, keeps no argument in a draft that it has not taken.
func TestFuncKeepsNoArgumentOfARefusedDraft(t *testing.T) {
	type big [1000]byte
	s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithLatencies(scheduler.Exact))
	require.NoError(t, err)
	f := task.Define(func(c *task.Ctx, b *big) {})
	var at []weak.Pointer[big]
	start := func(c *task.Ctx) {
		for range 300 {
			b := new(big)
			at = append(at, weak.Make(b))
			_ = f.Go(c, b)
		}
	}
	require.NoError(t, s.Go(start).Wait())
	require.NoError(t, s.Wait(t.Context()))
	assertGone(t, at)
	at = nil
	begun, ended := make(chan struct{}), make(chan struct{})
	s.Go(func(c *task.Ctx) {
		defer close(ended)
		close(begun)
		<-c.Done()
		start(c) // after Close
	})
	<-begun
	s.Close()
	<-ended
	assertGone(t, at)
	runtime.KeepAlive(f)
}
