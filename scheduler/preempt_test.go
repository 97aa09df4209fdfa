package scheduler_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Hogs that checkpoint share a worker: each ends only when all have started, so the first
// would never end if it were not preempted.
func TestCheckpointingHogsShareAWorker(t *testing.T) {
	eachCount(t, []int{1, 2, 4}, func(t *testing.T, n int) {
		s := open(t, n, scheduler.WithQuantum(scheduler.MinQuantum))
		const hogs = 50
		var started atomic.Int64
		var ts []task.Task
		for range hogs {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				started.Add(1)
				for started.Load() < hogs {
					c.Checkpoint()
				}
			}))
		}
		finish(t, "the hogs", func() { waitAll(t, ts) })
		require.NoError(t, s.Close())
		require.NotZero(t, s.Stats().Preemptions)
	})
}

// Slices hold when every P computes and sysmon gets none: hogs that are no tasks keep them.
func TestPreemptionWhenAllPsCompute(t *testing.T) {
	var stop atomic.Bool
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !stop.Load() {
			}
		})
	}
	defer wg.Wait()
	defer stop.Store(true)
	s := open(t, 1, scheduler.WithQuantum(scheduler.MinQuantum))
	var started atomic.Int64
	var ts []task.Task
	for range 10 {
		ts = append(ts, s.Go(func(c *task.Ctx) {
			started.Add(1)
			for started.Load() < 10 {
				c.Checkpoint()
			}
		}))
	}
	finish(t, "the hogs", func() { waitAll(t, ts) })
}

// A mark for an earlier dispatch does not cost the present one its turn. A mark for the present one
// does.
func TestMarkOfAnotherDispatchIsIgnored(t *testing.T) {
	s := open(t, 1, scheduler.WithQuantum(scheduler.MaxQuantum), scheduler.WithStallAfter(0))
	var log errlog
	root := s.Go(func(c *task.Ctx) {
		d := (*rt.Life)(c).Task()
		for range 100 {
			var ran atomic.Bool
			c.Go(func(*task.Ctx) { ran.Store(true) })
			(*rt.Life)(c).Task().Flag().Ask(d.Worker().Dispatch.Load() - 1)
			c.Checkpoint()
			log.check(!ran.Load(), "gave way to a mark for the dispatch before")
			(*rt.Life)(c).Task().Flag().Ask(d.Worker().Dispatch.Load())
			c.Checkpoint()
			log.check(ran.Load(), "did not give way")
		}
	})
	require.NoError(t, root.Wait())
	log.require(t)
	require.NoError(t, s.Close())
	require.EqualValues(t, 100, s.Stats().Preemptions)
}

// A stall is reported once, with name and age, to the handler, the logger and the counter.
func TestStallIsReportedOnce(t *testing.T) {
	var out bytes.Buffer
	var mu sync.Mutex
	var stalls []scheduler.Stall
	var seen atomic.Bool
	s := open(t, 2,
		scheduler.WithQuantum(scheduler.MinQuantum),
		scheduler.WithStallAfter(5*time.Millisecond),
		scheduler.WithLogger(slog.New(slog.NewTextHandler(&out, nil))),
		scheduler.WithStallHandler(func(x scheduler.Stall) {
			mu.Lock()
			defer mu.Unlock()
			stalls = append(stalls, x)
			seen.Store(true)
		}))
	hog := s.Go(func(c *task.Ctx) {
		for !seen.Load() {
		}
		// This gives the scheduler a chance to report it again.
		for start := time.Now(); time.Since(start) < 50*time.Millisecond; {
		}
	}, task.Name("the hog"))
	finish(t, "the hog", func() { hog.Wait() })
	require.NoError(t, s.Close())
	require.Len(t, stalls, 1)
	require.Equal(t, hog, stalls[0].Task)
	require.GreaterOrEqual(t, stalls[0].Age, 5*time.Millisecond)
	require.Less(t, stalls[0].Worker, 2)
	require.EqualValues(t, 1, s.Stats().Stalls)
	require.Equal(t, 1, bytes.Count(out.Bytes(), []byte("\n")), out.String())
	require.Contains(t, out.String(), "the hog")
	require.Contains(t, out.String(), "age=")
}

// If a task passes a yield point after sysmon has asked it to give way, it is in another dispatch,
// although it is alone and no other task takes over. (Before, its dispatch did not change, and
// sysmon took the task for one that never gives way.)
func TestLoneTaskAtYieldPointsIsNotStalled(t *testing.T) {
	for name, point := range map[string]func(c *task.Ctx){
		"Checkpoint": (*task.Ctx).Checkpoint,
		"Yield":      (*task.Ctx).Yield,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, 1, scheduler.WithQuantum(scheduler.MaxQuantum), scheduler.WithStallAfter(0))
			var log errlog
			x := s.Go(func(c *task.Ctx) {
				dispatch := (*rt.Life)(c).Task().Worker().Dispatch.Load
				for range 100 {
					id := dispatch()
					(*rt.Life)(c).Task().Flag().Ask(id)
					point(c)
					log.check(dispatch() != id, "still in dispatch %d", id)
				}
			})
			require.NoError(t, x.Wait())
			log.require(t)
		})
	}
}
