package scheduler_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/selfexec"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A tree of tasks, each of which receives its children's results over a channel, has about as many
// tasks that have begun and not ended as it is deep, and not as many as it is wide.
func TestATreeIsVisitedDepthFirst(t *testing.T) {
	depth := 16
	if testkit.Race || selfexec.Emulated() {
		depth = 14
	}
	for _, workers := range []int{1, 2, 4} {
		s := open(t, workers, noPreemption...)
		var begun, most atomic.Int64
		var node func(c *task.Ctx, level int, out *tsync.Chan[int])
		node = func(c *task.Ctx, level int, out *tsync.Chan[int]) {
			if level == 0 {
				_ = out.Send(c, 1)
				return
			}
			n := begun.Add(1)
			for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
			}
			in := tsync.NewChan[int](2)
			c.Go(func(c *task.Ctx) { node(c, level-1, in) })
			c.Go(func(c *task.Ctx) { node(c, level-1, in) })
			x, _, _ := in.Recv(c)
			y, _, _ := in.Recv(c)
			begun.Add(-1)
			_ = out.Send(c, x+y)
		}
		sum := 0
		root := s.Go(func(c *task.Ctx) {
			out := tsync.NewChan[int](1)
			node(c, depth, out)
			sum, _, _ = out.Recv(c)
		})
		finish(t, "the tree", func() { _ = root.Wait() })
		require.Equal(t, 1<<depth, sum)
		// Each turn of the oldest child, and each theft, may begin a further branch. A preemption
		// may do so too, and a slow machine has many, so no quantum ends here. The last level of
		// the tree has 32,768 tasks, and under the race detector or an emulator 8,192.
		require.LessOrEqual(t, most.Load(), int64(100*depth), "%d workers", workers)
	}
}

// The children of one dispatch begin in their order, and those of a later one before the rest of
// those.
func TestSiblingsBeginInOrder(t *testing.T) {
	s := open(t, 1, noPreemption...)
	var got []string
	leaf := func(name string) func(*task.Ctx) {
		return func(*task.Ctx) { got = append(got, name) }
	}
	family := func(name string) func(*task.Ctx) {
		return func(c *task.Ctx) {
			got = append(got, name)
			for _, kid := range []string{"1", "2", "3"} {
				c.Go(leaf(name + kid))
			}
		}
	}
	root := s.Go(func(c *task.Ctx) {
		c.Go(family("a"))
		c.Go(family("b"))
		c.Go(leaf("c"))
		c.Go(family("d"))
	})
	require.NoError(t, root.Wait())
	finish(t, "Close", func() { _ = s.Shutdown(t.Context()) })
	require.Equal(t, []string{"d", "d3", "d1", "d2", "a", "a3", "a1", "a2", "b", "b3", "b1", "b2", "c"}, got)
}

// A task that yields has every other turn beside any number of children.
func TestYieldBesideChildren(t *testing.T) {
	s := open(t, 1, noPreemption...)
	const yields = 1000
	begun, most := 0, 0
	root := s.Go(func(c *task.Ctx) {
		for range 10 * yields {
			c.Go(func(*task.Ctx) { begun++ })
		}
		for range yields {
			before := begun
			c.Yield()
			most = max(most, begun-before)
		}
	})
	require.NoError(t, root.Wait())
	finish(t, "Close", func() { _ = s.Shutdown(t.Context()) })
	require.Equal(t, 10*yields, begun)
	require.Positive(t, most)
	require.LessOrEqual(t, most, 3) // one, and at times the newest and the oldest child
}

// Children behind a hog have their turn, although the other worker always has tasks of its own and
// so never steals. sysmon moves them to the injector.
func TestChildrenBehindAHog(t *testing.T) {
	s := open(t, 2, scheduler.WithQuantum(time.Millisecond), scheduler.WithStallAfter(0))
	const children = 10
	var ran atomic.Int64
	for range 3 {
		s.Go(func(c *task.Ctx) {
			for ran.Load() < children {
				c.Yield()
			}
		})
	}
	hog := s.Go(func(c *task.Ctx) {
		for range children {
			c.Go(func(*task.Ctx) { ran.Add(1) })
		}
		for ran.Load() < children {
		}
	})
	finish(t, "the hog, for which the children wait,", func() { require.NoError(t, hog.Wait()) })
}
