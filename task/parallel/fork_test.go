package parallel_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// Random trees of forks, with everything in between that makes a task leave its worker. Each node
// is run exactly once.

type node struct {
	seed  uint64
	depth int
	ran   *atomic.Int64
}

var tree *parallel.Func[node, int]

func init() { tree = parallel.Define(treeBody) }

// treeBody returns the number of nodes in the subtree of n, n included.
func treeBody(c *task.Ctx, n node) int {
	n.ran.Add(1)
	shape, rng := rand.New(rand.NewPCG(n.seed, 1)), rand.New(rand.NewPCG(n.seed, 2))
	disturb(c, rng)
	children := 0
	if n.depth > 0 {
		children = shape.IntN(5)
	}
	var few [4]*parallel.Call[node, int]
	calls := few[:0]
	for i := range children {
		calls = append(calls, tree.Fork(c, node{n.seed*31 + uint64(i), n.depth - 1, n.ran}))
		disturb(c, rng)
	}
	if rng.IntN(8) == 0 {
		// Joins in any order are legal, but slow.
		rng.Shuffle(len(calls), func(i, j int) { calls[i], calls[j] = calls[j], calls[i] })
	}
	sum := 1
	for len(calls) > 0 {
		last := len(calls) - 1
		sum += calls[last].Join(c)
		calls = calls[:last]
		disturb(c, rng)
	}
	return sum
}

func disturb(c *task.Ctx, rng *rand.Rand) {
	switch rng.IntN(40) {
	case 0:
		c.Yield()
	case 1:
		t := c.Task()
		c.Go(func(c *task.Ctx) { c.Ready(t) })
		c.Park()
	case 2:
		c.Sleep(time.Microsecond)
	case 3:
		x := c.Go(func(c *task.Ctx) { linger(500) })
		x.WaitContext(c)
	case 4:
		linger(20_000)
	default:
		c.Checkpoint()
	}
}

func size(n node) int {
	children := 0
	if n.depth > 0 {
		children = rand.New(rand.NewPCG(n.seed, 1)).IntN(5)
	}
	sum := 1
	for i := range children {
		sum += size(node{n.seed*31 + uint64(i), n.depth - 1, nil})
	}
	return sum
}

func TestTrees(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for seed := range uint64(scale(60)) {
			n := node{seed, 6, new(atomic.Int64)}
			want := size(n)
			within(t, s, func(c *task.Ctx) error {
				if got, ran := tree.Call(c, n), int(n.ran.Load()); got != want || ran != want {
					return fmt.Errorf("seed %d: %d nodes counted, %d run, want %d", seed, got, ran, want)
				}
				return nil
			})
		}
	})
}

// Several trees run at the same time on one scheduler.
func TestForest(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			var ts []task.Task
			errs := make([]error, 10)
			for i := range errs {
				ts = append(ts, c.Go(func(c *task.Ctx) {
					n := node{uint64(1000 + i), 5, new(atomic.Int64)}
					if got, want := tree.Call(c, n), size(n); got != want || int(n.ran.Load()) != want {
						errs[i] = fmt.Errorf("tree %d: %d counted, %d run, want %d", i, got, n.ran.Load(), want)
					}
				}))
			}
			for i, t := range ts {
				if err := t.WaitContext(c); err != nil {
					return err
				}
				if errs[i] != nil {
					return errs[i]
				}
			}
			return nil
		})
	})
}

// Large arguments and results arrive complete.
type large struct{ at [64]uint64 }

var largeFunc = parallel.Define(func(c *task.Ctx, a large) large {
	for i := range a.at {
		a.at[i]++
	}
	return a
})

func TestLarge(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			for k := range uint64(scale(2000)) {
				var a large
				for i := range a.at {
					a.at[i] = k + uint64(i)
				}
				x := largeFunc.Fork(c, a)
				if k%50 == 0 {
					c.Yield()
				}
				r := x.Join(c)
				for i := range r.at {
					if r.at[i] != k+uint64(i)+1 {
						return fmt.Errorf("round %d, word %d: %d", k, i, r.at[i])
					}
				}
			}
			return nil
		})
	})
}

// Two functions call each other.
var isEven, isOdd *parallel.Func[int, bool]

func init() {
	isEven = parallel.Define(func(c *task.Ctx, n int) bool { return n == 0 || isOdd.Fork(c, n-1).Join(c) })
	isOdd = parallel.Define(func(c *task.Ctx, n int) bool { return n != 0 && isEven.Fork(c, n-1).Join(c) })
}

func TestMutualRecursion(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			if !isEven.Call(c, 1000) || isOdd.Call(c, 1000) {
				return fmt.Errorf("wrong")
			}
			return nil
		})
	})
}

// Misuse panics. A panic handler keeps the process alive.

func openHandled(t *testing.T, workers int) (*scheduler.Scheduler, chan *task.PanicError) {
	ch := make(chan *task.PanicError, 16)
	return open(t, workers, scheduler.WithPanicHandler(func(_ task.Task, e *task.PanicError) { ch <- e })), ch
}

func TestForkWithoutJoin(t *testing.T) {
	for _, n := range workerCounts {
		s, ch := openHandled(t, n)
		var ended atomic.Bool
		var started atomic.Bool
		slow := parallel.Define(func(c *task.Ctx, _ int) int {
			started.Store(true)
			for range 20 {
				linger(1000)
				c.Yield()
			}
			ended.Store(true)
			return 0
		})
		x := s.Go(func(c *task.Ctx) {
			slow.Fork(c, 1)
			for !started.Load() { // a thief steals the call, or the worker finds it
				c.Sleep(time.Millisecond)
			}
		})
		require.Error(t, x.Wait())
		require.True(t, ended.Load(), "the parent must wait for the child")
		require.Contains(t, (<-ch).Value, "1 forked calls not joined")
	}
}

func TestPanicWithChildrenOutstanding(t *testing.T) {
	for _, n := range workerCounts {
		s, ch := openHandled(t, n)
		var running atomic.Int64
		slow := parallel.Define(func(c *task.Ctx, _ int) int {
			running.Add(1)
			for range 10 {
				linger(1000)
				c.Yield()
			}
			running.Add(-1)
			return 0
		})
		x := s.Go(func(c *task.Ctx) {
			for i := range 10 {
				slow.Fork(c, i)
			}
			c.Sleep(100 * time.Microsecond)
			panic(errOops)
		})
		require.ErrorIs(t, x.Wait(), errOops)
		require.Zero(t, running.Load(), "the parent must wait for the children that were started")
		require.Equal(t, errOops, (<-ch).Value)
	}
}

func TestJoinTwice(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			x := fib.Fork(c, 5)
			x.Join(c)
			pe := panicText(func() { x.Join(c) })
			if pe == nil || !strings.Contains(fmt.Sprint(pe.Value), "joined before") {
				return fmt.Errorf("got %v", pe)
			}
			// The pool is undamaged.
			if n := fib.Call(c, 15); n != 610 {
				return fmt.Errorf("afterwards: %d", n)
			}
			return nil
		})
	})
}

func TestJoinByAnother(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			x := fib.Fork(c, 5)
			c.Yield() // exposes x, so that the frame knows its task
			var pe *task.PanicError
			other := c.Go(func(c *task.Ctx) { pe = panicText(func() { x.Join(c) }) })
			if err := other.WaitContext(c); err != nil {
				return err
			}
			if n := x.Join(c); n != 5 {
				return fmt.Errorf("got %d", n)
			}
			if pe == nil || !strings.Contains(fmt.Sprint(pe.Value), "another task") {
				return fmt.Errorf("got %v", pe)
			}
			return nil
		})
	})
}

func TestForkOutsideOfTheTask(t *testing.T) {
	s := open(t, 1)
	var kept *task.Ctx
	within(t, s, func(c *task.Ctx) error { kept = c; return nil })
	pe := panicText(func() { fib.Fork(kept, 5) })
	require.NotNil(t, pe, "Fork with the Ctx of a task that has ended")
}

// The panic of a stolen call reaches the joiner, with its stack.
func TestStolenPanic(t *testing.T) {
	s := open(t, 2)
	stolen := make(chan struct{})
	bad := parallel.Define(func(c *task.Ctx, _ int) int { close(stolen); panicHere(); return 0 })
	within(t, s, func(c *task.Ctx) error {
		x := bad.Fork(c, 0)
		c.Yield() // exposes the call
		<-stolen  // holds this worker, so the other one takes the call
		pe := panicOf(func() { x.Join(c) })
		if pe == nil || pe.Value != errOops || !strings.Contains(string(pe.Stack), "panicHere") {
			return fmt.Errorf("got %v", pe)
		}
		return nil
	})
}

// The cancellation of the parent reaches a stolen call at its yield points.
func TestCancelReachesStolen(t *testing.T) {
	s := open(t, 2)
	stolen := make(chan struct{})
	waits := parallel.Define(func(c *task.Ctx, _ int) error {
		close(stolen)
		for !c.Cancelled() {
		}
		return c.Err()
	})
	within(t, s, func(c *task.Ctx) error {
		x := waits.Fork(c, 0)
		c.Yield()
		<-stolen
		c.Cancel()
		if x.Join(c) == nil {
			return fmt.Errorf("no error")
		}
		return nil
	})
}

// Deep recursions.

var deep *parallel.Func[int, int]

func init() {
	deep = parallel.Define(func(c *task.Ctx, n int) int {
		if n == 0 {
			return 0
		}
		x := deep.Fork(c, n-1)
		return x.Join(c) + 1
	})
}

var leaf = parallel.Define(func(c *task.Ctx, n int) int { return n })

// nest forks at each level before it goes one level deeper, so all calls are outstanding at the
// deepest level.
func nest(c *task.Ctx, n int) int {
	if n == 0 {
		return 0
	}
	x := leaf.Fork(c, 1)
	sum := nest(c, n-1)
	return sum + x.Join(c)
}

func TestMillionNestedForks(t *testing.T) {
	n := 1_000_000
	switch {
	case testkit.Race:
		n = 20_000
	case testing.Short():
		n = 50_000
	}
	for _, workers := range []int{1, 2} {
		within(t, open(t, workers), func(c *task.Ctx) error {
			if got := deep.Call(c, n); got != n {
				return fmt.Errorf("forked down: %d", got)
			}
			if got := nest(c, n); got != n {
				return fmt.Errorf("outstanding: %d", got)
			}
			return nil
		})
	}
}

// An outstanding call needs its frame, and two more pointers if it has been exposed to thieves. A
// theft allocates a task for the call. So the test holds the thief while it measures the frames,
// because memory that the thief allocates during a collection survives the collection.
func TestTenMillionForksInALoop(t *testing.T) {
	if testing.Short() || testkit.Race {
		t.Skip("it takes 2 GB; step test of .ci/run runs it")
	}
	const n = 10_000_000
	for _, workers := range []int{1, 2} {
		var hold atomic.Bool
		held, release := make(chan struct{}), make(chan struct{})
		leaf := parallel.Define(func(c *task.Ctx, n int) int {
			if hold.CompareAndSwap(true, false) {
				held <- struct{}{}
				<-release
			}
			return n
		})
		s := open(t, workers)
		var before, during, after runtime.MemStats
		var exposed, stolen float64 // upper bounds
		within(t, s, func(c *task.Ctx) error {
			calls := make([]*parallel.Call[int, int], n)
			runtime.GC()
			runtime.ReadMemStats(&before)
			for i := range calls {
				calls[i] = leaf.Fork(c, i)
			}
			if workers > 1 {
				hold.Store(true)
				c.Yield() // exposes at least one call
				<-held    // holds this worker, so the other one takes the call
				exposed = float64(n - s.Stats().Finished)
			}
			runtime.GC()
			runtime.ReadMemStats(&during)
			close(release)
			for i := n - 1; i >= 0; i-- {
				if k := calls[i].Join(c); k != i {
					return fmt.Errorf("call %d returned %d", i, k)
				}
			}
			runtime.ReadMemStats(&after)
			if workers > 1 {
				stolen = exposed - float64(n-s.Stats().Finished)
			}
			return nil
		})
		bytes := float64(during.HeapAlloc - before.HeapAlloc)
		joins := float64(after.TotalAlloc - during.TotalAlloc)
		t.Logf("%d workers: %.1f B for each outstanding fork, at most %.2f of them exposed, %.1f B for each join, %.2f of them of stolen calls",
			workers, bytes/n, exposed/n, joins/n, stolen/n)
		require.Less(t, bytes, 110.*n, "bytes held by outstanding forks")
		require.Less(t, joins, n+300*stolen, "bytes allocated by joining")
	}
}

func TestForkDoesNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("a race build allocates now and then, and AllocsPerRun counts it")
	}
	for _, workers := range []int{1, 2} {
		within(t, open(t, workers), func(c *task.Ctx) error {
			fib.Call(c, 20) // fills the pool
			x := 0
			avg := testing.AllocsPerRun(200, func() { x = leaf.Fork(c, 1).Join(c) })
			if avg != 0 || x != 1 {
				return fmt.Errorf("%d workers: %v allocations for a fork", workers, avg)
			}
			if workers > 1 {
				return nil // because a theft allocates
			}
			if avg := testing.AllocsPerRun(10, func() { fib.Call(c, 15) }); avg != 0 {
				return fmt.Errorf("%v allocations for 986 forks", avg)
			}
			return nil
		})
	}
}

// Only its parent can join a call that is still private, wherever the other task runs.
func TestJoinOfAPrivateCallByAnother(t *testing.T) {
	for range 50 {
		s := open(t, 4)
		var other any
		err := s.Go(func(c *task.Ctx) {
			x := fib.Fork(c, 5)
			var tried atomic.Bool
			o := c.Go(func(c *task.Ctx) {
				defer tried.Store(true)
				defer func() { other = recover() }()
				x.Join(c)
			})
			for !tried.Load() { // another worker steals o, while this one keeps the frame of x
				runtime.Gosched()
			}
			if x.Join(c) != 5 || o.WaitContext(c) != nil {
				panic("the parent's own join")
			}
		}).Wait()
		require.NoError(t, err)
		require.Contains(t, other, "Join by another task")
	}
}

// Forks of two functions in turn displace each other's frames in the deque. The displaced frames
// return to their pools.
func TestForksInTurnDoNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("a race build allocates now and then, and AllocsPerRun counts it")
	}
	within(t, open(t, 1), func(c *task.Ctx) error {
		other := parallel.Define(func(c *task.Ctx, n int) int { return -n })
		wrong := 0
		avg := testing.AllocsPerRun(200, func() {
			x := leaf.Fork(c, 1)
			y := other.Fork(c, 2)
			if y.Join(c) != -2 || x.Join(c) != 1 {
				wrong++
			}
			x = other.Fork(c, 3)
			y = leaf.Fork(c, 4)
			if y.Join(c) != 4 || x.Join(c) != -3 {
				wrong++
			}
		})
		if avg != 0 || wrong != 0 {
			return fmt.Errorf("%v allocations for four forks, %d wrong results", avg, wrong)
		}
		return nil
	})
}

// waitFor is the argument of a pair of calls, one of which waits on its thread until the other has
// begun.
type waitFor struct{ mine, other *atomic.Bool }

var waitForFunc = parallel.Define(func(c *task.Ctx, w waitFor) bool {
	w.mine.Store(true)
	for start := time.Now(); w.other != nil && !w.other.Load(); {
		if time.Since(start) > testkit.Patience {
			return false
		}
	}
	return true
})

// A join out of order exposes the other calls that the task has forked, and wakes a sleeping
// worker.
func TestJoinOutOfOrderWakesAThief(t *testing.T) {
	// If the quantum ended, a fork would give way to the task that spins until the forks are done.
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithQuantum(scheduler.MaxQuantum))
	require.NoError(t, err)
	defer s.Close()
	for range 20 {
		var busy, release atomic.Bool
		other := s.Go(func(c *task.Ctx) {
			busy.Store(true)
			for !release.Load() {
			}
		})
		ok, err := parallel.Run(s, func(c *task.Ctx) (bool, error) {
			for !busy.Load() { // so that the other worker does not ask while the calls are forked
				runtime.Gosched()
			}
			var a, b atomic.Bool
			x := waitForFunc.Fork(c, waitFor{&a, &b})
			y := waitForFunc.Fork(c, waitFor{&b, nil})
			release.Store(true)
			// Until the other worker sleeps, or x was stolen after all.
			for !a.Load() && (other.State() != task.Done || s.Stats().Sleeping == 0) {
				runtime.Gosched()
			}
			ok := x.Join(c)
			return y.Join(c) && ok, nil
		})
		require.NoError(t, err)
		require.True(t, ok, "the other call was not started beside a sleeping worker")
	}
	require.Zero(t, s.Stats().Stranded)
}
