package engine

import (
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// onOneP returns a scheduler with n sleeping workers. Until the end of the test there is one P, so
// one worker that is awake makes the scheduler crowded.
func onOneP(t *testing.T, n int) *Scheduler {
	t.Helper()
	procs := runtime.GOMAXPROCS(1)
	t.Cleanup(func() { runtime.GOMAXPROCS(procs) })
	s := open(t, withWorkers(n), withStallAfter(0))
	testkit.Until(t, "all sleep", s.idle.Asleep)
	return s
}

// An exposed call is stolen while its parent computes without a yield point, even if as many
// workers are awake as there are Ps, so that exposing it wakes no worker. sysmon wakes one.
func TestForkWhileCrowded(t *testing.T) {
	for _, n := range []int{2, 4, 8} {
		t.Run(fmt.Sprintf("workers=%d", n), func(t *testing.T) {
			s := onOneP(t, n)
			for range 10 {
				testkit.Until(t, "all sleep", s.idle.Asleep)
				require.NoError(t, s.Go(func(c *task.Ctx) {
					var ran atomic.Bool
					(*rt.Life)(c).Task().Worker().Forks.Thief().Ask() // so the forks expose
					parallel.Do(c,
						func(*task.Ctx) {
							for !ran.Load() {
							}
						},
						func(*task.Ctx) { ran.Store(true) },
						func(*task.Ctx) { ran.Store(true) })
				}).Wait())
			}
		})
	}
}

// Sysmon wakes a worker for exposed calls.
func TestSysmonWakesWhileCrowded(t *testing.T) {
	s := onOneP(t, 2)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		before := s.wakes.Load()
		(*rt.Life)(c).Task().Worker().Forks.Thief().Ask() // so the fork exposes
		parallel.Do(c,
			func(*task.Ctx) {
				s.sysmon.freeForks()
				require.Greater(t, s.wakes.Load(), before)
			},
			func(*task.Ctx) {})
	}).Wait())
}

// sysmon also asks for calls that are still private, because a worker that goes to sleep does not
// ask while the scheduler is crowded.
func TestSysmonAsksWhileCrowded(t *testing.T) {
	s := onOneP(t, 2)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		forks := &(*rt.Life)(c).Task().Worker().Forks
		parallel.Do(c, func(*task.Ctx) {}, func(*task.Ctx) {}) // meets older requests
		s.sysmon.freeForks()
		require.True(t, forks.Wanted())
	}).Wait())
}

// While the scheduler is crowded, exposing forked calls wakes no worker.
func TestCrowdedForksWakeNoWorker(t *testing.T) {
	s := onOneP(t, 8)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		w := (*rt.Life)(c).Task().Host().(*worker)
		before := s.wakes.Load()
		for range 1000 {
			w.WakeThief()
		}
		require.Equal(t, before, s.wakes.Load())
	}).Wait())
}
