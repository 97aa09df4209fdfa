package engine

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A forked call that another worker took has no place at which it was started: the caller of
// stolenExtra is the thief.
func TestStacksOfAStolenCall(t *testing.T) {
	s := start(withWorkers(1), withSites())
	defer s.Close()
	parent := new(rt.Task)
	parent.Start(func(*task.Ctx) {}, nil)
	require.NotZero(t, noteStart(s.looks, nil, parent).Look.Started, "this test starts it")
	f := &rt.Frame{Forker: parent}
	k := stolenExtra(s.looks, f).Look
	require.Equal(t, f, k.Frame)
	require.Zero(t, k.Started)
	require.Zero(t, k.Stacks.Started)
}

// A worker reads its ring's clock at each wake-up, and notes whether a timer woke the task.
func TestRingWake(t *testing.T) {
	s := start(withWorkers(1), withDispatchRing(8))
	defer s.Close()
	w, d := s.newWorker(3), new(rt.Task)
	x := &rt.Extra{Look: &rt.Look{}}
	d.Start(func(*task.Ctx) {}, x)
	before := s.now()
	w.ringWake(d, w.firing)
	require.Equal(t, rt.ByTask, x.Look.Woken.By)
	require.Equal(t, 3, x.Look.Woken.Worker)
	require.GreaterOrEqual(t, x.Look.Woken.At, before)
	w.firing = true
	w.ringWake(d, w.firing)
	require.Equal(t, rt.ByTimer, x.Look.Woken.By)
	s.noteWake(d, rt.ByGoroutine)
	require.Equal(t, rt.ByGoroutine, x.Look.Woken.By)
	w.ringBegin(d)
	require.Zero(t, x.Look.Woken, "the next dispatch has no arrow, unless the task is woken again")
}

// A worker that keeps a ring notes the waker of each task, and puts a stamp only on the samples.
func TestRingBesideSamples(t *testing.T) {
	s := start(withWorkers(1), withDispatchRing(8), withLatencies(Sampled))
	defer s.Close()
	w, d := s.newWorker(3), new(rt.Task)
	x := &rt.Extra{Look: &rt.Look{}}
	d.Start(func(*task.Ctx) {}, x)
	for _, due := range []bool{false, true, false} {
		require.True(t, w.notesReady, "each task that is woken here has to be noted")
		w.gauge.due = due
		x.Look.Woken = rt.Waking{}
		w.noteWoken(d)
		require.Equal(t, rt.ByTask, x.Look.Woken.By)
		require.Equal(t, due, d.Status().Stamped())
		d.TakeStamp(0)
	}
}

// Tasks that share an extension get one each if they note something.
func TestNotesAreEachTasksOwn(t *testing.T) {
	x := rt.NewShared(context.Background(), true, false)
	one, two := noteStart(rt.LookWaits, x, nil), noteStart(rt.LookWaits, x, nil)
	require.Nil(t, x.Look)
	require.NotSame(t, one, two)
	require.NotSame(t, one.Look, two.Look)
	require.Equal(t, x.Owner, one.Owner)
}
