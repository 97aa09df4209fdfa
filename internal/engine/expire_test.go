package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// A bell is a timer that starts a task, as AfterFunc does.
type bell struct {
	rt.Timer
	s    *Scheduler
	rung int
}

func (b *bell) Fire(int64) {
	b.rung++
	b.s.Go(func(*task.Ctx) {})
}

// bellAt arms a bell for when in the queue of w.
func bellAt(w *worker, when int64) *bell {
	b := &bell{s: w.s}
	b.Do = b
	w.timers.Arm(&b.Timer, when)
	return b
}

// lateBell arms a bell that is due in the queue of w, whose task does not give way.
func lateBell(w *worker) *bell { return bellAt(w, 1) }

// A worker that has always a task of its own fires the timers of a worker that does not come to
// them, at one of its looks at a multiple of fairTick.
func TestBusyWorkerFiresTimersOfOthers(t *testing.T) {
	const workers = 10
	s := newBare(workers)
	late := lateBell(s.workers()[workers-1])
	w := s.workers()[0]
	d, _ := w.Spawn(func(*task.Ctx) {}, nil)
	require.Same(t, d, w.next.take())
	w.fairNext()
	looks := 0
	for ; late.rung == 0; looks++ {
		require.Less(t, looks, 3*fairTick, "a turn is four of %d queues", workers+1)
		w.runq.Push(d)
		require.NotNil(t, w.pick())
	}
	require.Greater(t, looks, 2*fairTick, "a busy worker looks at four queues at a time")
}

// A worker whose task only passes checkpoints fires them when a few budgets are spent.
func TestSpentBudgetsFireTimersOfOthers(t *testing.T) {
	s := newBare(10)
	late := lateBell(s.workers()[9])
	for range 3 {
		s.workers()[0].expireTimers(s.now())
	}
	require.Equal(t, 1, late.rung)
}

// A worker that has no task fires them even if its search has only one round, and so does sysmon.
// Neither sleeps before.
func TestIdleWorkerFiresTimersOfOthers(t *testing.T) {
	s := newBare(3)
	late := lateBell(s.workers()[2])
	require.True(t, s.visibleWork())
	require.EqualValues(t, 1, s.sysmon.nextTimer())
	w := s.workers()[0]
	s.shared.ReadyGoroutines.Store(1)
	w.searching = s.idle.TrySearch()
	require.NotNil(t, w.search())
	require.Equal(t, 1, late.rung)
	require.False(t, s.visibleWork())

	late = lateBell(s.workers()[1])
	_, busy := s.sysmon.tick(s.now())
	require.True(t, busy)
	require.Equal(t, 1, late.rung)
}

// Timers that goroutines arm are in the common queue. A worker whose own queues are empty fires
// them at once.
func TestIdleWorkerFiresCommonTimers(t *testing.T) {
	s := newBare(2)
	b := &bell{s: s}
	b.Do = b
	s.timers.Arm(&b.Timer, 1)
	require.EqualValues(t, 1, s.timers.Common().First())
	w := s.workers()[0]
	w.pick()
	require.Equal(t, 1, b.rung)
	require.NotNil(t, w.pick())
}

// When Advance of a clock returns, everything that was due has happened, also timers that were due
// when they were armed.
func TestTurnedClockIsNotAhead(t *testing.T) {
	clock := handclock.New()
	s := open(t, withWorkers(1), withClock(clock))
	for range 5_000 {
		x := tsync.NewTimer(s, 0)
		clock.Advance(time.Millisecond)
		_, done := x.C.TryRecv()
		require.True(t, done)
	}
}
