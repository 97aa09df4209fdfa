package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// Children begin, the last of them after a bounded number of others, although newer ones never
// cease to come.
func TestOldChildrenBesideNewOnes(t *testing.T) {
	const old = 3
	s := open(t, withWorkers(1), withStallAfter(0))
	begun, others, at := 0, 0, 0
	// Each of these starts another in the next slot, and displaces one that the worker takes later.
	var other func(c *task.Ctx)
	other = func(c *task.Ctx) {
		if others++; begun < old && others < 1_000_000 {
			c.Go(func(*task.Ctx) { others++ })
			c.Go(other)
		}
	}
	root := s.Go(func(c *task.Ctx) {
		for range old {
			c.Go(func(*task.Ctx) { begun++; at = others })
		}
		c.Go(func(*task.Ctx) {}) // displaces the last of them
		c.Go(other)
	})
	testkit.Finish(t, "the old children", func() { _ = root.Wait(); _ = s.Wait(t.Context()) })
	require.Equal(t, old, begun)
	require.LessOrEqual(t, at, (old+2)*maxPassed*3*61)
}

// A thief takes half of the children, the oldest first.
func TestThiefTakesTheOldestChildren(t *testing.T) {
	g := newStage(t)
	w, thief := g.newWorker(1), g.newWorker(2)
	ds := g.spawn(w, 9) // the last one is in the next slot
	d := thief.stealChildren(w)
	defer func() { g.end(w, d); g.end(thief) }()
	require.Same(t, ds[0], d)
	require.Equal(t, 3, thief.children.Len())
	require.Equal(t, 4, w.children.Len())
	for i := range 3 {
		d := thief.children.Pop()
		defer g.inject(d)
		require.Same(t, ds[3-i], d)
	}
}
