package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A thief that is not registered as a searcher has the rest of its batch in no queue for a moment,
// so it wakes a worker.
func TestBatchTheftWakes(t *testing.T) {
	g := newStage(t)
	thief, victim := g.newWorker(1), g.newWorker(2)
	for _, d := range g.tasks(4) {
		victim.runq.Push(d)
	}
	before := g.wakes.Load()
	d := thief.stealFrom(victim)
	after := g.wakes.Load()
	for ; d != nil; d = thief.runq.Pop() {
		g.inject(d)
	}
	for d := victim.runq.Pop(); d != nil; d = victim.runq.Pop() {
		g.inject(d)
	}
	require.Equal(t, before+1, after)
}
