package engine

import (
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// A worker that leaves the pool, or ends with it, ends its thread. (The number of the process's
// threads does not show this, because the Go runtime starts others meanwhile.)
func TestThreadsEndWithTheirWorkers(t *testing.T) {
	const workers = 50
	var mu sync.Mutex
	var tids []int
	ends := func(tid int) {
		mu.Lock()
		defer mu.Unlock()
		tids = append(tids, tid)
	}
	threadEnds.Store(&ends)
	defer threadEnds.Store(nil)
	s := open(t, withWorkers(workers), withStallAfter(0))
	for range 2 {
		require.NoError(t, s.Resize(workers))
		// One task blocks natively on each worker, all at once, so there is a thread for each.
		var all sync.WaitGroup
		all.Add(workers)
		var ts []task.Task
		for range workers {
			ts = append(ts, s.Go(func(*task.Ctx) {
				all.Done()
				all.Wait()
			}))
		}
		for _, x := range ts {
			require.NoError(t, x.Wait())
		}
		require.NoError(t, s.Resize(1))
		testkit.Until(t, "the others have left", func() bool { return s.idle.Workers() == 1 })
	}
	s.Close()
	require.GreaterOrEqual(t, len(tids), 2*(workers-1))
	for _, tid := range tids {
		if tid == os.Getpid() {
			continue // the process's first thread, which cannot end
		}
		testkit.Until(t, "the end of a worker's thread", func() bool {
			_, err := os.Stat("/proc/self/task/" + strconv.Itoa(tid))
			return os.IsNotExist(err)
		})
	}
}

// A worker that finds itself on another thread counts that as a move over a sleep if it has slept
// since it last looked, and otherwise as a move while it was awake. The first look is no move.
func TestMovesAreCounted(t *testing.T) {
	a := anchor{pinned: true, cfg: &Config{}}
	moves := func() [2]uint64 { return [2]uint64{a.sleepMoves, a.moves} }
	a.pin()
	a.checkThread()
	require.Equal(t, [2]uint64{0, 0}, moves())
	a.unpin()
	a.pin()
	a.checkThread()
	require.Equal(t, [2]uint64{0, 0}, moves(), "on the same thread")
	a.tid++
	a.checkThread()
	require.Equal(t, [2]uint64{0, 1}, moves())
	a.unpin()
	a.tid++
	a.pin()
	a.checkThread()
	require.Equal(t, [2]uint64{1, 1}, moves())
	a.unpin()
}
