package engine

import (
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A draft that leaves the worker's children for the injector, behind a hog or because the worker
// leaves, has a descriptor from then on. Nothing else in the queues is mistaken for a task.
func TestDraftsLeaveTheChildren(t *testing.T) {
	s := start(withWorkers(1))
	const n = 300
	var ran [3 * n]atomic.Int32
	f := task.Define(func(c *task.Ctx, i int) { ran[i].Add(1) })
	require.NoError(t, s.Go(func(c *task.Ctx) {
		w := workerOf((*rt.Life)(c).Task())
		start := func(from int) {
			for i := range n {
				assert.NoError(t, f.Go(c, from+i))
			}
			assert.Equal(t, n, w.children.Len())
		}
		start(0)
		queued, first := w.behind()
		assert.Equal(t, n, queued)
		assert.Empty(t, first, "a draft has nothing to show")
		assert.Len(t, slices.Collect(s.Reader().Views()), 1)
		assert.True(t, s.sysmon.freeBehind(w)) // as sysmon, another thief
		assert.Zero(t, w.children.Len())
		assert.Equal(t, n, s.inj.Normal())
		assert.Len(t, slices.Collect(s.Reader().Views()), 1+n)
		start(n)
		w.handOver()
		assert.Equal(t, 2*n, s.inj.Normal())
		start(2 * n)
		w.dropStale()
		assert.Equal(t, n, w.children.Len())
		assert.Len(t, slices.Collect(s.Reader().Views()), 1+2*n, "dropStale gives no descriptors")
	}).Wait())
	require.NoError(t, s.Wait(t.Context()))
	for i := range ran {
		require.EqualValues(t, 1, ran[i].Load(), "task %d", i)
	}
	s.Close()
	st := s.stats()
	require.EqualValues(t, 3*n+1, st.Spawned)
	require.Equal(t, st.Spawned, st.Finished)
}

// Of many drafts behind a hog, sysmon moves few at a time, but always some.
func TestManyDraftsBehindAHog(t *testing.T) {
	s := start(withWorkers(1))
	var ran atomic.Int32
	const n = 3 * mostIssued
	f := task.Define(func(*task.Ctx, int) { ran.Add(1) })
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for i := range n {
			_ = f.Go(c, i)
		}
		w := workerOf((*rt.Life)(c).Task())
		assert.True(t, s.sysmon.freeBehind(w))
		assert.GreaterOrEqual(t, s.inj.Len(), mostIssued)
		assert.Less(t, s.inj.Len(), n)
		before := s.inj.Len()
		assert.True(t, s.sysmon.freeBehind(w))
		assert.GreaterOrEqual(t, s.inj.Len(), before+leastIssued)
		assert.Less(t, s.inj.Len(), n)
	}).Wait())
	require.NoError(t, s.Wait(t.Context()))
	s.Close()
	require.EqualValues(t, n, ran.Load())
}

// A life that begins after Close has gone over the descriptors is cancelled. The worker saw the
// phase open before.
func TestRenewInAClosedScheduler(t *testing.T) {
	g := newStage(t)
	w := g.workers()[0]
	d := g.tasks(1)[0]
	old := g.phase.Load()
	g.phase.Store(phaseClosed)
	assert.True(t, w.renew(d))
	assert.True(t, d.Status().Cancelled())
	g.phase.Store(old)
	w.SetCurrent(nil)
	d.Finish(rt.Returned)
	w.n.finished++
	w.flush()
}

// A batch that does nothing else needs one descriptor for each rt.Lives tasks, and starts none by
// the general way.
func TestABatchOfDraftsReusesADescriptor(t *testing.T) {
	s := open(t, withWorkers(1))
	const n = 1000
	seen := map[*rt.Task]int{}
	f := task.Define(func(c *task.Ctx, _ int) { seen[(*rt.Life)(c).Task()]++ })
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for i := range n {
			_ = f.Go(c, i)
		}
	}).Wait())
	require.NoError(t, s.Wait(t.Context()))
	total := 0
	for _, k := range seen {
		total += k
	}
	require.Equal(t, n, total)
	// At each fairTick-th look for work the general way takes another descriptor.
	require.LessOrEqual(t, len(seen), 2+n/fairTick+n/rt.Lives)
}

// A waiter that registers at the last moment, when the task has been found to have none, is woken
// (End-F2).
func TestALateWaiterOfARenewedTask(t *testing.T) {
	g := newStage(t)
	w := g.workers()[0]
	d := g.tasks(1)[0]
	late := &rt.Waiter{C: make(chan struct{}, 1), Shared: &g.shared}
	require.True(t, d.Await(late, d.Gen()))
	require.True(t, d.Renew())
	w.followed(d)
	select {
	case <-late.C:
		g.shared.ReadyGoroutines.Add(-1)
	default:
		t.Error("the waiter is not woken")
	}
	d.Finish(rt.Returned)
	w.flush() // followed has counted the end
}
