package wait

import (
	"math/rand/v2"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

type pooled struct{ id int }

// taskAt returns a task on a worker with the index i.
func taskAt(i int) *rt.Task {
	d := new(rt.Task)
	d.Init(&rt.Worker{Index: i})
	return d
}

// kept is p.Keep for a worker that may be new to p, which keeps its first element by Share.
func kept(p *Pool[pooled], d *rt.Task, e *pooled) bool {
	if p.workers[d.Worker().Index].free == nil {
		p.Share(d, e)
		return true
	}
	return p.Keep(d, e)
}

// A worker keeps up to maxPooled elements, and only its own tasks get them.
func TestPoolKeepsByWorker(t *testing.T) {
	var p Pool[pooled]
	a, b := taskAt(0), taskAt(maxPools-1)
	for id := range maxPooled {
		require.True(t, kept(&p, a, &pooled{id: id}), "element %d", id)
	}
	require.False(t, p.Keep(a, &pooled{id: maxPooled}), "one more than a worker keeps")
	for id := -2; id < 0; id++ {
		require.True(t, kept(&p, b, &pooled{id: id}), "the workers count together")
	}
	require.Equal(t, -1, p.Get(b).id)
	require.Equal(t, -2, p.Get(b).id)
	require.Zero(t, p.Get(b).id, "a task gets the element of another worker")
	for id := maxPooled - 1; id >= 0; id-- {
		require.Equal(t, id, p.Get(a).id)
	}
	require.True(t, p.Keep(a, &pooled{id: 1}), "what a worker gave back still counts")
	require.Equal(t, 1, p.Get(a).id)
	require.Zero(t, p.Get(a).id, "a worker has more than it kept")
}

// The task that takes a worker's last element asks once for more, and the worker gets them, but not
// if elements have come back meanwhile.
func TestPoolAsksTheWorker(t *testing.T) {
	var p Pool[pooled]
	a := taskAt(0)
	s, w := &p.workers[0], a.Worker()
	took := make([]*pooled, 0, 2*atATime)
	take := func(n int) {
		for range n {
			took = append(took, p.Get(a))
		}
	}
	take(atATime - 1)
	require.False(t, s.asked)
	take(1)
	require.True(t, s.asked)
	w.Provide(true)
	require.False(t, s.asked)
	require.Equal(t, atATime, s.n)
	take(atATime)
	require.True(t, kept(&p, a, took[0]))
	w.Provide(true)
	require.Equal(t, 1, s.n, "there was one again")
	require.Same(t, took[0], p.Get(a))
	require.True(t, s.asked)
	w.Provide(false)
	require.Zero(t, s.n)
	require.False(t, s.asked)
	w.Provide(true)
	require.Zero(t, s.n, "nothing was asked for")
	take(1)
	require.Equal(t, atATime-1, s.n)
}

// Goroutines, and tasks of workers with a high index, have nothing of their own.
func TestPoolKeepsNothingForOthers(t *testing.T) {
	var p Pool[pooled]
	for name, d := range map[string]*rt.Task{"goroutine": nil, "high index": taskAt(maxPools), "no worker": taskAt(-1)} {
		require.False(t, p.Keep(d, &pooled{id: 1}), name)
		require.Zero(t, *p.Get(d), name)
	}
}

// What goroutines share is for all of them. A sync.Pool may lose it, so the test shares until some
// element comes back.
func TestPoolShares(t *testing.T) {
	var p Pool[pooled]
	for _, d := range []*rt.Task{nil, taskAt(maxPools)} {
		for tries := 0; ; tries++ {
			require.Less(t, tries, 1000, "no shared element comes back")
			p.Share(nil, &pooled{id: 1})
			if p.Get(d).id == 1 {
				break
			}
		}
	}
}

// What one worker keeps too much of goes to another, all at once.
func TestPoolSharesBundles(t *testing.T) {
	var p Pool[pooled]
	a, b := taskAt(0), taskAt(1)
	for tries := 0; ; tries++ {
		require.Less(t, tries, 1000, "no bundle comes back")
		for id := 1; ; id++ {
			if e := (&pooled{id: id}); !kept(&p, a, e) {
				p.Share(a, e)
				require.Same(t, e, p.Get(a), "a worker keeps the last one")
				require.Zero(t, p.workers[0].n, "a worker keeps what it has shared")
				break
			}
		}
		if got := p.Get(b).id; got != 0 {
			require.Equal(t, maxPooled, got)
			break
		}
		p.workers[1].bundle = bundle[pooled]{} // new ones
	}
	for id := maxPooled - 1; id > 0; id-- {
		require.Equal(t, id, p.Get(b).id)
	}
	require.Zero(t, p.workers[1].n)
}

// New elements come several at a time, and each of them only once.
func TestPoolAllocatesSeveral(t *testing.T) {
	var p Pool[pooled]
	d := taskAt(0)
	seen := map[*pooled]bool{}
	for range 3 * atATime {
		e := p.Get(d)
		require.Zero(t, *e)
		require.False(t, seen[e])
		seen[e] = true
	}
	require.Zero(t, p.workers[0].n)
}

// What a worker keeps does not keep the elements in memory that others kept before: a collection
// frees the groups of which no element is left.
func TestPoolForgetsGroups(t *testing.T) {
	var p Pool[pooled]
	d := taskAt(0)
	const n = 100 * maxPooled
	freed := make(chan struct{}, n/atATime)
	func() {
		var es []*pooled
		for i := range n {
			e := p.Get(d)
			if i%atATime == 0 { // the first of its group, at whose address the cleanup belongs
				runtime.AddCleanup(e, func(struct{}) { freed <- struct{}{} }, struct{}{})
			}
			es = append(es, e)
		}
		// They come back in another order, so each bundle has elements of many groups.
		for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(n) {
			if !p.Keep(d, es[i]) {
				p.Share(d, es[i])
			}
		}
	}()
	runtime.GC()
	runtime.GC() // what a sync.Pool holds goes at the second collection
	for range n/atATime - maxPooled {
		<-freed
	}
	runtime.KeepAlive(&p)
}
