package scheduler_test

import (
	"math/rand/v2"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

func TestResizeArguments(t *testing.T) {
	s := open(t, 2)
	require.EqualError(t, s.Resize(0), "scheduler: Resize(0): want 1 to 1024")
	require.EqualError(t, s.Resize(-3), "scheduler: Resize(-3): want 1 to 1024")
	require.EqualError(t, s.Resize(1025), "scheduler: Resize(1025): want 1 to 1024")
	require.Equal(t, 2, s.Workers())
	require.NoError(t, s.Resize(3))
	require.Equal(t, 3, s.Workers())
	require.Equal(t, 3, s.Stats().Workers)
	s.Close()
	require.ErrorIs(t, s.Resize(1), task.ErrClosed)
	require.Equal(t, 3, s.Workers())
}

// Workers that are too many leave, and come back, although there is nothing to do.
func TestResizeIdle(t *testing.T) {
	s := open(t, 64)
	for _, n := range []int{1, 64, 8, 1, 2, 64, 4} {
		require.NoError(t, s.Resize(n))
		testkit.Until(t, "all workers sleep", func() bool { return s.Stats().Sleeping == n })
		require.NoError(t, s.Go(func(c *task.Ctx) {}).Wait())
	}
}

// Whatever tasks do while the number of workers changes, each runs once, and to its end.
func TestResizeInTheMiddle(t *testing.T) {
	for _, pinning := range []scheduler.Pinning{scheduler.Threads, scheduler.None} {
		t.Run(pinning.String(), func(t *testing.T) {
			s := open(t, 4, scheduler.WithPinning(pinning), scheduler.WithQuantum(scheduler.MinQuantum))
			n := scale(20_000)
			ran := make([]atomic.Int32, n)
			done := make(chan struct{})
			go func() {
				defer close(done)
				rng := rand.New(rand.NewPCG(1, 2))
				for s.Stats().Finished < uint64(n) {
					_ = s.Resize(1 + rng.IntN(9))
				}
			}()
			var errs errlog
			s.Go(func(c *task.Ctx) {
				for i := range n {
					c.Go(func(c *task.Ctx) {
						ran[i].Add(1)
						switch i % 5 {
						case 0:
							c.Yield()
						case 1:
							c.Sleep(1)
						case 2:
							for range 2000 {
								c.Checkpoint()
							}
						case 3:
							t := c.Go(func(c *task.Ctx) { c.Yield() })
							errs.check(t.WaitContext(c) == nil, "join")
						case 4:
							errs.check(fib(c, 8) == 21, "fib")
						}
					})
				}
			})
			finish(t, "the resizing", func() { <-done })
			finish(t, "Wait", func() { s.Wait(t.Context()) })
			for i := range ran {
				require.EqualValues(t, 1, ran[i].Load(), "task %d", i)
			}
			errs.require(t)
		})
	}
}

var fibFunc *parallel.Func[int, int]

func init() { fibFunc = parallel.Define(fib) }

func fib(c *task.Ctx, n int) int {
	if n < 2 {
		return n
	}
	x := fibFunc.Fork(c, n-1)
	y := fib(c, n-2)
	return x.Join(c) + y
}

// Tasks that never wait leave the workers that have to leave at a yield point, and go on together
// on the workers that stay.
func TestResizeMovesHogs(t *testing.T) {
	s := open(t, 4, scheduler.WithQuantum(scheduler.MinQuantum))
	var stop atomic.Bool
	var turns [6]atomic.Int64
	ts := make([]task.Task, len(turns))
	for i := range ts {
		ts[i] = s.Go(func(c *task.Ctx) {
			for !stop.Load() && c.Err() == nil {
				turns[i].Add(1)
				if i%2 == 0 {
					c.Checkpoint()
				} else {
					c.Yield()
				}
			}
		})
	}
	all := func() {
		t.Helper()
		var before [len(turns)]int64
		for i := range turns {
			before[i] = turns[i].Load()
		}
		testkit.Until(t, "all go on", func() bool {
			for i := range turns {
				if turns[i].Load() == before[i] {
					return false
				}
			}
			return true
		})
	}
	all()
	require.NoError(t, s.Resize(1))
	all()
	testkit.Until(t, "the others have left", func() bool {
		d := s.Stats().PerWorker
		all()
		now := s.Stats().PerWorker
		return now[1] == d[1] && now[2] == d[2] && now[3] == d[3] && now[0] != d[0]
	})
	require.NoError(t, s.Resize(3))
	all()
	stop.Store(true)
	waitAll(t, ts)
}

// What a worker has queued when it leaves is run by others.
func TestResizeHandsQueuesOver(t *testing.T) {
	s := open(t, 1)
	n := scale(10_000)
	var ran atomic.Int64
	var full, stop atomic.Bool
	hog := s.Go(func(c *task.Ctx) {
		for range n {
			c.Go(func(c *task.Ctx) { ran.Add(1) })
		}
		full.Store(true)
		for !stop.Load() { // no yield point: the queue stays where it is until others come
		}
		c.Yield()
	})
	testkit.Until(t, "the queue is full", full.Load)
	require.NoError(t, s.Resize(4))
	require.NoError(t, s.Resize(1))
	require.NoError(t, s.Resize(2))
	testkit.Until(t, "the others have run them", func() bool { return ran.Load() == int64(n) })
	stop.Store(true)
	require.NoError(t, hog.Wait())
}

func TestResizeFromInside(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n)
		require.NoError(t, s.Go(func(c *task.Ctx) {
			for _, k := range []int{1, 3, 2, 1, n} {
				if err := s.Resize(k); err != nil {
					panic(err)
				}
				c.Yield()
				c.Sleep(1)
				c.Go(func(c *task.Ctx) {}).WaitContext(c)
			}
		}).Wait())
	})
}

// The scheduler can be closed and shut down while workers leave.
func TestResizeAndClose(t *testing.T) {
	for i := range scale(400) {
		s, err := scheduler.New(scheduler.WithWorkers(1 + i%8))
		require.NoError(t, err)
		for range 20 {
			s.Go(func(c *task.Ctx) { c.Yield() })
		}
		require.NoError(t, s.Resize(1+(i*7)%9))
		require.NoError(t, s.Resize(1+(i*3)%5))
		if i%2 == 0 {
			finish(t, "Close", func() { s.Close() })
		} else {
			finish(t, "Shutdown", func() { require.NoError(t, s.Shutdown(t.Context())) })
			require.EqualValues(t, 20, s.Stats().Finished)
		}
		requireBalance(t, s)
	}
}
