package engine

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// These tests call single steps of the protocols, on a worker that has no goroutine: nothing else
// moves, so one missing step shows at once and in every run.

// A stage is a scheduler whose only worker sleeps, and what the tests put beside it.
type stage struct {
	*Scheduler
	t testing.TB
}

func newStage(t testing.TB) *stage {
	t.Helper()
	s := start(withWorkers(1))
	t.Cleanup(func() {
		s.Close()
		st := s.stats()
		require.Equal(t, st.Spawned, st.Finished)
		require.Zero(t, s.shared.ReadyGoroutines.Load())
		require.Zero(t, s.live.Load())
	})
	g := &stage{s, t}
	g.awaitSleep()
	return g
}

// awaitSleep waits until the worker sleeps.
func (g *stage) awaitSleep() {
	for begin := time.Now(); !g.idle.Asleep(); runtime.Gosched() {
		require.Less(g.t, time.Since(begin), testkit.Patience, "the worker does not go to sleep")
	}
}

// tasks returns n tasks that were accepted and are in no queue.
func (g *stage) tasks(n int) (ds []*rt.Task) {
	g.t.Helper()
	for range n {
		require.True(g.t, g.enter())
		d, _ := g.newTask(func(*task.Ctx) {}, nil)
		ds = append(ds, d)
	}
	return ds
}

// spawn starts n tasks on w, in order.
func (g *stage) spawn(w *worker, n int) (ds []*rt.Task) {
	for range n {
		d, _ := w.Spawn(func(*task.Ctx) {}, nil)
		ds = append(ds, d)
	}
	w.flush()
	g.inj.Count(n) // Stats does not know w
	return ds
}

// end has the sleeping worker run ds, which are in no queue, and all that is in w's.
func (g *stage) end(w *worker, ds ...*rt.Task) {
	if d := w.takeNext(); d != nil {
		ds = append(ds, d)
	}
	for d := w.pop(); d != nil; d = w.pop() {
		ds = append(ds, d)
	}
	for _, d := range ds {
		if d != nil {
			g.inject(d)
		}
	}
}

// bareTask returns a task that no queue holds, of a scheduler without goroutines.
func bareTask(t *testing.T, s *Scheduler) *rt.Task {
	require.True(t, s.enter())
	d, _ := s.newTask(func(*task.Ctx) {}, nil)
	return d
}
