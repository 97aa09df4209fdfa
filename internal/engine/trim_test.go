package engine

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// Idle fibers are ended while workers switch between others; no switch meets the reaper. It is
// for the race detector: the reaper must not look into slots that it does not own.
func TestTrimBesideSwitches(t *testing.T) {
	s := start(withWorkers(4))
	var stop atomic.Bool
	for range 20 {
		s.Go(func(c *task.Ctx) {
			for !stop.Load() {
				// A burst of tasks that suspend leaves fibers behind.
				var ts []task.Task
				for range 20 {
					ts = append(ts, c.Go(func(c *task.Ctx) { c.Yield(); c.Yield() }))
				}
				for _, x := range ts {
					if x.WaitContext(c) != nil {
						return
					}
				}
			}
		})
	}
	for i := range 300 {
		s.fiberPool.Review(true)
		s.fiberPool.Trim(1000)
		if i%10 == 0 {
			if err := s.Go(func(*task.Ctx) {}).Wait(); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop.Store(true)
	s.Close()
	require.Zero(t, s.stats().Stranded)
}

// handTrimmed starts a scheduler whose pools nothing trims but the test.
func handTrimmed(t *testing.T, workers int) *Scheduler {
	t.Helper()
	s := start(withWorkers(workers))
	s.mon.Stop()
	t.Cleanup(s.Close)
	return s
}

// burst makes n tasks wait at the same time, wakes them several times in any order, and waits until
// they have ended and all workers sleep.
func burst(t *testing.T, s *Scheduler, n int) {
	t.Helper()
	const rounds = 3
	ts := make([]task.Task, n)
	for i := range ts {
		ts[i] = s.Go(func(c *task.Ctx) {
			for range rounds {
				if c.Park() != nil {
					return
				}
			}
		})
	}
	rng := rand.New(rand.NewPCG(5, 6))
	for range rounds {
		allAsleep(s)
		rng.Shuffle(n, func(i, j int) { ts[i], ts[j] = ts[j], ts[i] })
		for _, x := range ts {
			x.Ready()
		}
	}
	for _, x := range ts {
		require.NoError(t, x.Wait())
	}
	allAsleep(s)
}

// allAsleep returns when all workers sleep, and nothing is queued.
func allAsleep(s *Scheduler) {
	for !s.idle.Asleep() || s.visibleWork() {
		runtime.Gosched()
	}
}

// advance calls trim at all times at which sysmon would, from now on and for d at most. It returns
// when trim need not be called any more, and whether that was so.
func advance(s *Scheduler, now int64, d time.Duration) (then int64, done bool) {
	for end := now + int64(d); now < end; {
		allAsleep(s) // the workers that were asked have given back
		next := s.sysmon.trim(now)
		if next == 0 {
			return now, true
		}
		now = max(next, now+1)
	}
	return now, false
}

// Ten seconds after a burst whose tasks went through all slots, nothing of it is left, and sysmon
// sleeps.
func TestABurstIsGivenBack(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		s := handTrimmed(t, n)
		// While the garbage collector frees the stacks of goroutines that have ended,
		// runtime.NumGoroutine counts them. After a GC there are none.
		runtime.GC()
		before := runtime.NumGoroutine()
		now, done := advance(s, s.now(), time.Minute)
		require.True(t, done)
		burst(t, s, 6000)
		require.Greater(t, runtime.NumGoroutine(), before+3000)
		_, done = advance(s, now, 10*time.Second)
		require.True(t, done, "there is more to give back after ten seconds")
		require.LessOrEqual(t, s.fiberPool.Len(), n, "idle fibers; a worker's base may sleep in a slot")
		require.Zero(t, s.taskPool.Free(), "free descriptors")
		for _, w := range s.workers() {
			require.Empty(t, w.fibers.idle)
			require.Zero(t, w.freeTasks.Len())
		}
		testkit.Until(t, "the end of the goroutines", func() bool {
			return runtime.NumGoroutine() <= before+2*n+2
		})
		require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
	}
}

// Where bursts come every few seconds, their loop fibers stay.
func TestBurstsThatComeAgain(t *testing.T) {
	s := handTrimmed(t, 2)
	now := s.now()
	const bursts = 40
	n := 1000
	if testing.Short() {
		n = 300 // several times fewFibers
	}
	var createdBefore uint64
	for i := range bursts {
		if i == bursts/4 {
			createdBefore = s.fiberPool.Created()
		}
		burst(t, s, n)
		now, _ = advance(s, now, 3*time.Second)
		now += int64(time.Millisecond)
	}
	// Now and then it is tried again whether the bursts still come.
	require.LessOrEqual(t, s.fiberPool.Created()-createdBefore, uint64(3*n), "idle fibers made for the last %d bursts", bursts*3/4)
}

// A task that waits in the slot of another fiber keeps that fiber from ending. sysmon does not wait
// for it.
func TestTrimBesideATaskThatWaits(t *testing.T) {
	s := handTrimmed(t, 2)
	var ts []task.Task
	for range 10 {
		ts = append(ts, s.Go(func(c *task.Ctx) { c.Park() }))
		burst(t, s, 1000)
	}
	_, done := advance(s, s.now(), 30*time.Second)
	require.True(t, done, "sysmon ticks for ever")
	require.LessOrEqual(t, s.fiberPool.Len(), len(ts)+s.Workers())
	for _, x := range ts {
		x.Ready()
	}
	for _, x := range ts {
		require.NoError(t, x.Wait())
	}
}

// What tasks leave in the fork deque and among the frames of their worker is given back too.
func TestForkMemoryIsGivenBack(t *testing.T) {
	s := handTrimmed(t, 1)
	now, _ := advance(s, s.now(), time.Minute)
	w := s.workers()[0]
	var k keeper
	require.NoError(t, s.Go(func(c *task.Ctx) {
		w.Forks.Reserve(1 << 16)
		w.AddKeeper(&k)
	}).Wait())
	allAsleep(s)
	require.True(t, w.holds.Load())
	_, done := advance(s, now, 10*time.Second)
	require.True(t, done)
	require.Equal(t, 1, int(k), "times that it was told to forget")
	require.Less(t, w.Forks.Cap(), 1<<16)
	require.False(t, w.holds.Load())
}

type keeper int

func (k *keeper) Forget() { *k++ }

// Free drafts are given back, those that a worker has made and those that it has only run. Then the
// Func makes new ones.
func TestFreeDraftsAreGivenBack(t *testing.T) {
	s := handTrimmed(t, 1)
	now, _ := advance(s, s.now(), time.Minute)
	w := s.workers()[0]
	ran := 0
	f := task.Define(func(*task.Ctx, int) { ran++ })
	for range 3 {
		require.NoError(t, s.Go(func(c *task.Ctx) {
			for i := range 200 {
				assert.NoError(t, f.Go(c, i))
			}
		}).Wait())
		allAsleep(s)
		require.True(t, w.holds.Load())
		var done bool
		now, done = advance(s, now, 10*time.Second)
		require.True(t, done)
		require.False(t, w.holds.Load())
	}
	require.Equal(t, 600, ran)
}
