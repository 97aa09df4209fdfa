package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// The newest child of a task runs first, and the others in the order in which they were started.
// Before that the worker has looked for work many times, and found no children.
func TestNewestChildFirst(t *testing.T) {
	s := open(t, withWorkers(1), withQuantum(MaxQuantum), withStallAfter(0))
	const n, looks = 1000, 4 * 61
	var got []int
	root := s.Go(func(c *task.Ctx) {
		other := c.Go(func(c *task.Ctx) {
			for range looks {
				c.Yield()
			}
		})
		for other.State() != task.Done {
			c.Yield()
		}
		for i := range n {
			c.Go(func(*task.Ctx) { got = append(got, i) })
		}
	})
	require.NoError(t, root.Wait())
	testkit.Finish(t, "Wait", func() { _ = s.Wait(t.Context()) })
	require.Len(t, got, n)
	require.Equal(t, n-1, got[0])
	require.IsIncreasing(t, got[1:])
}

// Each task of a line starts two. The newest child's newest child runs before the elder siblings,
// and of these the one that was started last runs first.
func TestNewestChildGoesDeep(t *testing.T) {
	s := open(t, withWorkers(1), withQuantum(MaxQuantum), withStallAfter(0))
	const depth = chainCheck / 2 // the clock is not looked at
	var got []int
	var node func(c *task.Ctx, level int)
	node = func(c *task.Ctx, level int) {
		got = append(got, level)
		if level == depth {
			return
		}
		c.Go(func(*task.Ctx) { got = append(got, -level) })
		c.Go(func(c *task.Ctx) { node(c, level+1) })
	}
	root := s.Go(func(c *task.Ctx) { node(c, 0) })
	require.NoError(t, root.Wait())
	testkit.Finish(t, "Wait", func() { _ = s.Wait(t.Context()) })
	var want []int
	for level := range depth + 1 {
		want = append(want, level)
	}
	for level := range depth {
		want = append(want, level+1-depth)
	}
	require.Equal(t, want, got)
}

// wakeInto wakes a task that calls fn into the next slot. Unlike a child, a woken task has no turn
// that bounds how long it waits, except for the end of the chain before it.
func wakeInto(c *task.Ctx, fn func()) {
	x := c.Go(func(c *task.Ctx) { _ = c.Park(); fn() })
	for x.State() != task.Waiting {
		c.Yield()
	}
	c.Ready(x)
}

// A task whose child starts a child, and so on without end, starves no queue: the chain ends after
// a number of dispatches, or earlier if its quantum is over.
func TestChainStarvesNobody(t *testing.T) {
	for _, x := range []struct {
		quantum time.Duration
		bound   int
	}{
		{MaxQuantum, maxChain},
		{100 * time.Microsecond, maxChain / 2}, // which no machine runs through in so short a time
	} {
		s := open(t, withWorkers(1), withQuantum(x.quantum), withStallAfter(0))
		links, most := 0, 0
		root := s.Go(func(c *task.Ctx) {
			for range 10 {
				ran := false
				links = 0
				var link func(c *task.Ctx)
				link = func(c *task.Ctx) {
					if links++; !ran && links < 2*x.bound {
						c.Go(link)
					}
				}
				wakeInto(c, func() { ran = true })
				c.Go(link) // displaces the woken task into the run queue
				for !ran {
					c.Yield()
				}
				most = max(most, links)
			}
		})
		testkit.Finish(t, "the chain", func() { _ = root.Wait() })
		require.LessOrEqual(t, most, x.bound, "%v", x.quantum)
		require.GreaterOrEqual(t, most, chainCheck, "%v", x.quantum)
	}
}

// A submitted task has its turn beside a chain after a bounded number of links, as beside a queue.
func TestInjectorBesideAChain(t *testing.T) {
	s := open(t, withWorkers(1), withStallAfter(0))
	const bound = 4 * 61
	ran, most := -1, 0
	root := s.Go(func(c *task.Ctx) {
		for range 100 {
			ran = -1
			links := 0
			s.Go(func(*task.Ctx) { ran = links })
			var link func(c *task.Ctx)
			link = func(c *task.Ctx) {
				if links++; ran < 0 && links <= 2*bound {
					c.Go(link)
				}
			}
			c.Go(link)
			for ran < 0 {
				c.Yield()
			}
			most = max(most, ran)
		}
	})
	testkit.Finish(t, "the chains", func() { _ = root.Wait() })
	require.LessOrEqual(t, most, bound)
}

// A task that starts children and waits for each at once does not starve the queue.
func TestJoinsStarveNobody(t *testing.T) {
	s := open(t, withWorkers(1), withQuantum(MaxQuantum), withStallAfter(0))
	const bound = 2 * maxChain
	most := 0
	root := s.Go(func(c *task.Ctx) {
		for range 5 {
			ran := false
			wakeInto(c, func() { ran = true })
			n := 0
			for ; !ran && n <= bound; n++ {
				_ = c.Go(func(*task.Ctx) {}).WaitContext(c)
			}
			most = max(most, n)
		}
	})
	testkit.Finish(t, "the joins", func() { _ = root.Wait() })
	require.LessOrEqual(t, most, bound)
}

// The stale entries that claims leave in a queue are dropped, although the oldest entry stays in
// the queue.
func TestClaimsDropStaleEntries(t *testing.T) {
	g := newStage(t)
	w := g.newWorker(1)
	g.spawn(w, 1) // the oldest one
	var claimed []*rt.Task
	defer func() { g.end(w, claimed...) }()
	most := 0
	for range 1000 {
		for _, d := range g.spawn(w, 3) { // the claim of the first leaves a stale entry
			w.wish.set(d, d.Gen(), &w.s.shared)
			w.chain.end()
			require.Same(t, d, w.claim())
			claimed = append(claimed, d)
		}
		most = max(most, w.runq.Len()+w.children.Len())
	}
	require.LessOrEqual(t, most, 2*minStale)
}

// dropStale leaves the other entries in their order.
func TestDropStaleKeepsTheOrder(t *testing.T) {
	g := newStage(t)
	w := g.newWorker(1)
	ds := g.spawn(w, 100)
	var got, want, claimed []*rt.Task
	defer func() { g.end(w, append(got, claimed...)...) }()
	for i, d := range ds[:99] {
		if i%3 == 1 {
			require.True(t, d.Claim(d.Gen()))
			claimed = append(claimed, d)
		} else {
			want = append(want, d)
		}
	}
	w.dropStale()
	require.Equal(t, len(want), w.children.Len())
	for d := w.pop(); d != nil; d = w.pop() {
		got = append(got, d)
	}
	require.Len(t, got, len(want))
	for i := range want {
		require.Same(t, want[i], got[i])
	}
}

// A worker does not run what another scheduler's worker has queued.
func TestClaimAcrossSchedulers(t *testing.T) {
	g, h := newStage(t), newStage(t)
	w, other := g.newWorker(1), h.newWorker(1)
	d := g.spawn(w, 1)[0]
	defer g.end(w)
	other.wish.set(d, d.Gen(), &other.s.shared)
	require.Nil(t, other.wish.t)
	w.wish.set(d, d.Gen(), &w.s.shared)
	require.Same(t, d, w.wish.t)
	w.wish.t = nil
}
