package scheduler_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestPause(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithQuantum(scheduler.MinQuantum))
		var stop atomic.Bool
		var turns [8]atomic.Int64
		var ts []task.Task
		for i := range turns {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				for !stop.Load() && c.Err() == nil {
					turns[i].Add(1)
					switch i % 4 {
					case 0:
						c.Checkpoint()
					case 1:
						c.Yield()
					case 2:
						c.Sleep(1)
					case 3:
						c.Go(func(c *task.Ctx) {}).WaitContext(c)
					}
				}
			}))
		}
		read := func() (v [len(turns)]int64) {
			for i := range turns {
				v[i] = turns[i].Load()
			}
			return v
		}
		for range 5 {
			before := read()
			testkit.Until(t, "all go on", func() bool {
				for i, v := range read() {
					if v == before[i] {
						return false
					}
				}
				return true
			})
			finish(t, "Pause", func() { require.NoError(t, s.Pause(t.Context())) })
			at := read()
			var late atomic.Int32
			var new []task.Task
			for range 10 {
				new = append(new, s.Go(func(c *task.Ctx) { late.Add(1) }))
			}
			require.NoError(t, s.Pause(t.Context())) // once more does nothing
			require.Equal(t, at, read())
			require.Zero(t, late.Load())
			s.Resume()
			waitAll(t, new)
		}
		s.Resume() // does nothing
		stop.Store(true)
		waitAll(t, ts)
	})
}

// A pause that a hog does not let come about changes nothing.
func TestPauseGivesUp(t *testing.T) {
	s := open(t, 2)
	var stop atomic.Bool
	var on atomic.Bool
	hog := s.Go(func(c *task.Ctx) {
		on.Store(true)
		for !stop.Load() {
		}
	})
	testkit.Until(t, "the hog runs", on.Load)
	ctx, cancel := context.WithCancelCause(t.Context())
	mine := errors.New("mine")
	result := make(chan error)
	go func() { result <- s.Pause(ctx) }()
	testkit.Until(t, "the other worker has stopped", func() bool { return s.Stats().Sleeping == 1 })
	cancel(mine)
	require.Equal(t, mine, <-result)
	require.NoError(t, s.Go(func(c *task.Ctx) {}).Wait())
	require.Equal(t, mine, s.Pause(ctx), "the context has ended before")
	stop.Store(true)
	require.NoError(t, hog.Wait())
}

func TestPauseResumed(t *testing.T) {
	s := open(t, 1)
	var stop, on atomic.Bool
	hog := s.Go(func(c *task.Ctx) {
		on.Store(true)
		for !stop.Load() {
		}
	})
	testkit.Until(t, "the hog runs", on.Load)
	result := make(chan error)
	go func() { result <- s.Pause(t.Context()) }()
	for {
		s.Resume() // the pause may not have begun yet
		select {
		case err := <-result:
			require.EqualError(t, err, "scheduler: Pause: resumed before all tasks had stopped")
			stop.Store(true)
			require.NoError(t, hog.Wait())
			return
		default:
		}
	}
}

func TestPauseOnTask(t *testing.T) {
	s, other := open(t, 1), open(t, 1)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for _, ctx := range []context.Context{c, context.Background()} {
			if err := s.Pause(ctx); err == nil {
				panic("Pause on a task has waited for itself")
			}
			if err := s.Wait(ctx); err == nil {
				panic("Wait on a task has waited for itself")
			}
		}
	}).Wait())
	require.NoError(t, other.Go(func(c *task.Ctx) {
		var met atomic.Bool
		c.Go(func(c *task.Ctx) { met.Store(true) }) // can only run while the other one is parked
		s.Go(func(c *task.Ctx) {
			for !met.Load() { // so a Wait that held the worker would never return
				c.Yield()
			}
		})
		if err := s.Wait(c); err != nil {
			panic(err)
		}
		if err := s.Pause(c); err != nil {
			panic(err)
		}
		s.Resume()
	}).Wait())
}

// What ends the scheduler ends a pause.
func TestPauseEnds(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n)
		require.NoError(t, s.Pause(t.Context()))
		x := s.Go(func(c *task.Ctx) { c.Yield() })
		finish(t, "Shutdown", func() { require.NoError(t, s.Shutdown(t.Context())) })
		require.NoError(t, x.Err())
		require.Equal(t, task.Done, x.State())
		require.ErrorIs(t, s.Pause(t.Context()), task.ErrClosed)

		s = open(t, n)
		require.NoError(t, s.Pause(t.Context()))
		x = s.Go(func(c *task.Ctx) {})
		finish(t, "Close", func() { s.Close() })
		require.ErrorIs(t, x.Err(), task.ErrClosed)
	})
}

// Pauses, resumptions, submissions and changes of size at any moment lose nothing.
func TestPauseStorm(t *testing.T) {
	s := open(t, 3)
	n := scale(20_000)
	var ran atomic.Int64
	storm := make(chan struct{})
	for g := range 3 {
		go func() {
			defer func() { storm <- struct{}{} }()
			for ran.Load() < int64(n) {
				switch g {
				case 0:
					_ = s.Pause(t.Context())
				case 1:
					s.Resume()
				case 2:
					_ = s.Resize(1 + int(ran.Load())%5)
				}
			}
			s.Resume()
		}()
	}
	for range n {
		s.Go(func(c *task.Ctx) {
			c.Yield()
			ran.Add(1)
		})
	}
	finish(t, "the storm", func() {
		for range 3 {
			<-storm
		}
		s.Resume() // the pause of one that was in the middle
	})
	finish(t, "Wait", func() { require.NoError(t, s.Wait(t.Context())) })
	require.EqualValues(t, n, ran.Load())
}
