package scheduler_test

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// perWorker runs f in one task on each worker, all at the same time.
func perWorker(s *scheduler.Scheduler, f func(i int)) {
	n := s.Workers()
	var up atomic.Int64
	var ts []task.Task
	for i := range n {
		ts = append(ts, s.Go(func(*task.Ctx) {
			up.Add(1)
			for up.Load() < int64(n) {
			}
			f(i)
		}))
	}
	for _, x := range ts {
		x.Wait()
	}
}

// At no time do more threads run tasks than there are workers. Between two yield points a task
// stays on its thread, even if it calls runtime.Gosched, because its worker is locked to the thread
// while it is awake. Goroutines beside the tasks give the Go runtime reason and threads to move a
// task.
func TestTasksRunLocked(t *testing.T) {
	for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.CPUs, scheduler.Fixed} {
		for _, n := range []int{1, 2, 4} {
			t.Run(fmt.Sprintf("%v/workers=%d", p, n), func(t *testing.T) {
				stop := make(chan struct{})
				var others sync.WaitGroup
				for range 4 {
					others.Go(func() {
						for {
							select {
							case <-stop:
								return
							default:
								runtime.Gosched()
							}
						}
					})
				}
				most, torn := threadsAtOnce(t, n, p)
				close(stop)
				others.Wait()
				require.LessOrEqual(t, most, n, "threads that ran tasks at one time")
				require.Zero(t, torn, "times a task changed its thread between two yield points")
			})
		}
	}
}

// threadsAtOnce returns how many threads ran tasks at one time, at most, and how often one changed
// between two yield points.
func threadsAtOnce(t *testing.T, n int, p scheduler.Pinning) (most int, torn int64) {
	s := open(t, n, scheduler.WithStallAfter(0), scheduler.WithPinning(p))
	var mu sync.Mutex
	on := map[int]int{} // tasks that run, by thread
	var moved atomic.Int64
	run := func() {
		tid := unix.Gettid()
		mu.Lock()
		on[tid]++
		most = max(most, len(on))
		mu.Unlock()
		for range 3 {
			runtime.Gosched()
		}
		if unix.Gettid() != tid {
			moved.Add(1)
		}
		mu.Lock()
		if on[tid]--; on[tid] == 0 {
			delete(on, tid)
		}
		mu.Unlock()
	}
	var ts []task.Task
	for range 50 {
		ts = append(ts, s.Go(func(c *task.Ctx) {
			for range 4 {
				run()
				c.Yield()
				run()
				c.Sleep(1) // workers go to sleep in between
			}
		}))
	}
	waitAll(t, ts)
	require.NoError(t, s.Close())
	return most, moved.Load()
}

// With Fixed, and without garbage collections, which stop the world and so may move a worker, all
// tasks run on exactly as many threads as there are workers. The Go runtime may still move a
// worker, if its signal to a goroutine that has run for 10 ms comes in the nanoseconds of a switch.
// So one of several runs must be free of that.
func TestFixedRunsOnNThreads(t *testing.T) {
	if testkit.Race {
		t.Skip("the detector makes the moment of a switch long enough for the Go scheduler to step in")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	for _, n := range []int{1, 2, 4} {
		var threads []int
		for len(threads) < 10 && !slices.Contains(threads, n) {
			runtime.GC()
			threads = append(threads, threadsUsed(t, n))
		}
		require.Contains(t, threads, n, "number of threads in each run with %d workers", n)
		require.GreaterOrEqual(t, slices.Min(threads), n)
	}
}

// threadsUsed returns on how many threads the tasks of a busy scheduler ran.
func threadsUsed(t *testing.T, n int) int {
	s := open(t, n, scheduler.WithStallAfter(0), scheduler.WithPinning(scheduler.Fixed))
	var mu sync.Mutex
	tids := map[int]bool{}
	note := func() {
		mu.Lock()
		defer mu.Unlock()
		tids[unix.Gettid()] = true
	}
	perWorker(s, func(int) { note() })
	var ts []task.Task
	for range 500 {
		ts = append(ts, s.Go(func(c *task.Ctx) {
			for range 5 {
				note()
				c.Yield()
				note()
				c.Sleep(1)
			}
		}))
	}
	waitAll(t, ts)
	require.NoError(t, s.Close())
	return len(tids)
}

func mask(t *testing.T, tid int) unix.CPUSet {
	var set unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(tid, &set))
	return set
}

// With CPUs, each task finds its thread bound to one allowed CPU, different workers to different
// ones as far as there are enough. Close gives the threads their masks back. As above, the Go
// runtime may move a worker to a thread that is not bound yet, so one of several runs must be free
// of that.
func TestCPUsBinds(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	// New and the test have to see the same CPUs, also if this thread inherited its own from a
	// bound one: see thread.Binding.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before := mask(t, 0)
	for _, n := range []int{1, 2, 4} {
		bound := -1
		for run := 0; run < 10 && bound != n; run++ {
			bound = workersBound(t, n, before)
		}
		require.Equal(t, n, bound, "workers whose thread is bound, in the last of 10 runs")
	}
}

// workersBound returns how many of n workers were on a thread that was bound to one CPU. before is
// the mask of all threads.
func workersBound(t *testing.T, n int, before unix.CPUSet) (bound int) {
	s := open(t, n, scheduler.WithPinning(scheduler.CPUs), scheduler.WithStallAfter(0))
	sets := make([]unix.CPUSet, n)
	tids := make([]int, n)
	perWorker(s, func(i int) {
		unix.SchedGetaffinity(0, &sets[i])
		tids[i] = unix.Gettid()
	})
	distinct := map[unix.CPUSet]bool{}
	for _, set := range sets {
		if set == before && before.Count() > 1 {
			continue
		}
		bound++
		require.Equal(t, 1, set.Count())
		distinct[set] = true
		for cpu := range 1024 {
			if set.IsSet(cpu) {
				require.True(t, before.IsSet(cpu))
			}
		}
	}
	if bound == n {
		require.Len(t, distinct, min(n, before.Count()))
	}
	require.NoError(t, s.Close())
	for _, tid := range tids {
		var set unix.CPUSet
		if unix.SchedGetaffinity(tid, &set) == nil { // it may have ended
			require.Equal(t, before, set)
		}
	}
	return bound
}

// Threads leaves masks alone. In a process with bound workers, other threads may inherit their
// masks, so the test runs in a process of its own.
func TestThreadsLeavesMasksAlone(t *testing.T) {
	const inner = "HEDDLE_TEST_INNER"
	if os.Getenv(inner) == "" {
		cmd := selfexec.Command(t.Context(), "-test.run=^"+t.Name()+"$", "-test.timeout=1m")
		cmd.Env = append(os.Environ(), inner+"=1")
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, head(string(out), 20))
		return
	}
	before := mask(t, 0)
	s := open(t, 2)
	sets := make([]unix.CPUSet, 2)
	perWorker(s, func(i int) { unix.SchedGetaffinity(0, &sets[i]) })
	require.NoError(t, s.Close())
	require.Equal(t, before, sets[0])
	require.Equal(t, before, sets[1])
	require.Equal(t, before, mask(t, 0))
}
