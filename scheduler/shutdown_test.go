package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Shutdown finishes what was accepted, also what tasks start meanwhile, and refuses what comes from
// outside.
func TestShutdownFinishesWhatWasAccepted(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n)
		var ran atomic.Int64
		var log errlog
		gate := make(chan struct{})
		first := s.Go(func(c *task.Ctx) {
			<-gate // Shutdown has begun: Go is refused
			for range 100 {
				x := c.Go(func(c *task.Ctx) {
					c.Sleep(time.Microsecond)
					c.Go(func(c *task.Ctx) { ran.Add(1) })
				})
				log.check(x.Err() == nil, "spawn refused in Shutdown")
			}
			log.check(s.Go(func(*task.Ctx) { ran.Add(1000) }).Err() == task.ErrClosed, "submission accepted in Shutdown")
		})
		done := make(chan error, 1)
		go func() { done <- s.Shutdown(context.Background()) }()
		for {
			if x := s.Go(func(*task.Ctx) {}); x.Err() != nil {
				break
			}
		}
		close(gate)
		finish(t, "Shutdown", func() { require.NoError(t, <-done) })
		log.require(t)
		require.NoError(t, first.Err())
		require.EqualValues(t, 100, ran.Load())
		require.NoError(t, s.Shutdown(context.Background()), "again")
		require.True(t, s.Stats().Closed)
	})
}

// Shutdown with a context that ends says what still runs; the tasks go on; Close ends them.
func TestShutdownThatRunsOutOfTime(t *testing.T) {
	s := open(t, 2)
	for range 7 {
		s.Go(func(c *task.Ctx) { c.Park() }, task.Name("waits"))
	}
	x := s.Go(func(c *task.Ctx) { c.Park() }, task.Name("goes on"))
	why := errors.New("enough")
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(why)
	err := s.Shutdown(ctx)
	var running *scheduler.RunningError
	require.ErrorAs(t, err, &running)
	require.ErrorIs(t, err, why)
	require.Len(t, running.Tasks, 8)
	require.ErrorContains(t, err, "8 tasks")
	require.ErrorContains(t, err, `task "waits"`)
	require.ErrorContains(t, err, "...")
	x.Ready()
	require.NoError(t, x.Wait())
	require.True(t, s.Stats().Closed, "no task is accepted any more")
	require.Equal(t, task.ErrClosed, s.Go(func(*task.Ctx) {}).Err())
	require.NoError(t, s.Close())
	for _, x := range running.Tasks {
		require.Equal(t, task.Done, x.State())
	}
}

// Close reaches tasks in every state: running, queued, parked, sleeping, joining.
func TestCloseEndsEverything(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		k := 1000
		switch {
		case testing.Short():
			k = 200
		case n == 2 && !testkit.Race:
			k = 10_000
		}
		s := open(t, n)
		var log errlog
		var parked, joining []task.Task
		for range k {
			parked = append(parked,
				s.Go(func(c *task.Ctx) { log.check(c.Park() == task.ErrClosed, "Park") }),
				s.Go(func(c *task.Ctx) { log.check(c.Sleep(time.Hour) == task.ErrClosed, "Sleep") }))
		}
		for i := range k / 10 {
			joining = append(joining, s.Go(func(c *task.Ctx) { log.check(parked[i].WaitContext(c) != nil, "Join") }))
		}
		all := append(parked, joining...)
		for _, x := range all {
			for x.State() != task.Waiting {
				runtime.Gosched()
			}
		}
		var held atomic.Int64
		var hogs, queued []task.Task
		for range n {
			hogs = append(hogs, s.Go(func(c *task.Ctx) {
				held.Add(1)
				for !c.Cancelled() {
				}
				log.check(c.Err() == context.Canceled && context.Cause(c) == task.ErrClosed, "Err of a running task")
				log.check(c.Go(func(*task.Ctx) { log.check(false, "ran after Close") }).Err() == task.ErrClosed, "spawn after Close")
				log.check(c.Park() == task.ErrClosed && c.Sleep(1) == task.ErrClosed, "parks after Close")
			}))
		}
		for held.Load() < int64(n) {
			runtime.Gosched()
		}
		for range k {
			queued = append(queued, s.Go(func(c *task.Ctx) {
				// A hog's checkpoint may let it in before Close.
				log.check(c.Park() == task.ErrClosed, "Park")
			}))
		}
		finish(t, "Close", func() { s.Close() })
		log.require(t)
		for _, x := range joining {
			// It may have ended, woken by the end of the other, before it was cancelled.
			require.Equal(t, task.Done, x.State())
		}
		for _, x := range append(append(parked, queued...), hogs...) {
			require.Equal(t, task.Done, x.State())
			require.Equal(t, task.ErrClosed, x.Err())
			require.ErrorIs(t, x.Err(), context.Canceled)
		}
	})
}

// Close may be called twice, by many, from tasks, and beside submissions.
func TestCloseByMany(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		const goroutines = 2_000
		s := open(t, n)
		begin := make(chan struct{})
		var log errlog
		var wg sync.WaitGroup
		for i := range goroutines {
			wg.Go(func() {
				<-begin
				for j := range 5 {
					x := s.Go(func(c *task.Ctx) {
						c.Go(func(c *task.Ctx) { c.Sleep(time.Hour) })
						if i%500 == 1 && j == 3 {
							log.check(s.Close() == nil, "Close on a task")
							log.check(c.Cause() == task.ErrClosed, "closed, but not cancelled")
						}
						log.check(c.Park() == task.ErrClosed, "Park")
					})
					if j == 4 {
						if i%500 == 0 {
							log.check(s.Close() == nil, "Close")
						}
						err := x.Wait()
						log.check(err == task.ErrClosed, "ended with %v", err)
					}
				}
			})
		}
		close(begin)
		finish(t, "everybody", wg.Wait)
		finish(t, "Close", func() { s.Close(); s.Close() })
		log.require(t)
	})
}

// Shutdowns, Closes and submissions all at once.
func TestShutdownBesideSubmissions(t *testing.T) {
	for i := range 50 {
		s := open(t, 1+i%4)
		var ran, accepted atomic.Int64
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				for range 50 {
					if x := s.Go(func(c *task.Ctx) { c.Yield(); ran.Add(1) }); x.Err() == nil {
						accepted.Add(1)
					}
				}
			})
		}
		for range 2 {
			wg.Go(func() {
				if err := s.Shutdown(context.Background()); err != nil {
					panic(err)
				}
			})
		}
		finish(t, "Shutdown", wg.Wait)
		require.Equal(t, accepted.Load(), ran.Load())
		requireBalance(t, s)
	}
}

func TestCloseFromATask(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n)
		var log errlog
		x := s.Go(func(c *task.Ctx) {
			log.check(s.Close() == nil, "Close")
			log.check(s.Close() == nil, "Close again")
			log.check(c.Park() == task.ErrClosed, "Park")
			c.Yield()
			log.check(s.Shutdown(context.Background()) != nil, "Shutdown")
		})
		require.Equal(t, task.ErrClosed, x.Wait())
		log.require(t)
	})
}

// A goroutine that is locked to its thread may use a scheduler like any other, from New to Close.
func TestOnALockedGoroutine(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.Fixed, scheduler.None} {
		for _, end := range []func(s *scheduler.Scheduler) error{
			(*scheduler.Scheduler).Close,
			func(s *scheduler.Scheduler) error { return s.Shutdown(context.Background()) },
		} {
			s := open(t, 2, scheduler.WithPinning(p))
			var ts []task.Task
			for range 10 {
				// This task leaves its fiber to the pool.
				ts = append(ts, s.Go(func(c *task.Ctx) { c.Sleep(1) }))
			}
			waitAll(t, ts)
			require.NoError(t, s.Resize(1))
			require.NoError(t, s.Go(func(c *task.Ctx) { c.Yield() }).Wait())
			require.NoError(t, end(s))
		}
	}
}

func TestShutdownFromATaskIsAnError(t *testing.T) {
	s := open(t, 1)
	var err error
	require.NoError(t, s.Go(func(c *task.Ctx) { err = s.Shutdown(context.Background()) }).Wait())
	require.ErrorContains(t, err, "Shutdown called from inside a task")
	require.NoError(t, s.Go(func(*task.Ctx) {}).Wait(), "it changed nothing")
}

func TestGoAfterClose(t *testing.T) {
	s := open(t, 1)
	s.Close()
	for _, x := range []task.Task{
		s.Go(func(*task.Ctx) { panic("ran") }),
		s.GoContext(context.Background(), func(*task.Ctx) { panic("ran") }),
	} {
		require.Equal(t, task.Done, x.State())
		require.Equal(t, task.ErrClosed, x.Err())
		require.Equal(t, task.ErrClosed, x.Wait())
		x.Cancel()
		x.Ready()
	}
}
