package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// A worker that leaves is a producer of all that it hands over.
func TestHandOverWakes(t *testing.T) {
	queues := map[string]func(w *worker) *deque.Owner[rt.Task]{
		"run queue": func(w *worker) *deque.Owner[rt.Task] { return &w.runq },
		"children":  func(w *worker) *deque.Owner[rt.Task] { return &w.children },
	}
	for name, queue := range queues {
		t.Run(name, func(t *testing.T) {
			g := newStage(t)
			w := g.newWorker(1)
			for _, d := range g.tasks(1) {
				queue(w).Push(d)
			}
			before := g.wakes.Load()
			w.handOver()
			after := g.wakes.Load()
			left := queue(w).Len()
			for d := queue(w).Pop(); d != nil; d = queue(w).Pop() {
				g.inject(d) // so that Close ends
			}
			g.wakeOne() // so that Close ends even if handOver did not
			require.Equal(t, before+1, after)
			require.Zero(t, left)
		})
	}
}

// A worker that was the last searcher and has found something wakes another if there is more
// (Sleep-W5).
func TestTheLastSearcherWakesAnother(t *testing.T) {
	s := newBare(2)
	s.workers()[0].announce()
	w := s.workers()[1]
	w.searching = s.idle.TrySearch()
	require.True(t, w.searching)
	s.inj.Push(bareTask(t, s))
	w.stopSearching()
	require.EqualValues(t, 1, s.wakes.Load())
	w.stopSearching()
	require.EqualValues(t, 1, s.wakes.Load(), "it does not search any more")
}

// A sleeper that is woken searches, and stops as soon as it has a task (Sleep-W5).
func TestAWokenWorkerStopsSearching(t *testing.T) {
	s := open(t, withWorkers(1))
	for range 100 {
		testkit.Until(t, "the worker sleeps", func() bool { return s.idle.Sleeping() == 1 })
		searching := -1
		require.NoError(t, s.Go(func(*task.Ctx) { searching = s.idle.Searching() }).Wait())
		require.Zero(t, searching)
	}
}
