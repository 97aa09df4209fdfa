package engine

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

// sysmon wakes a sleeping worker for a task that was in the next slot at its last tick too
// (Slot-N3).
func TestSysmonWakesForTheNextSlot(t *testing.T) {
	s := newBare(2)
	sleeper, hog := s.workers()[0], s.workers()[1]
	sleeper.announce()
	hog.next.put(bareTask(t, s), wokenTask)
	require.False(t, s.sysmon.freeNextSlots(), "a task that has just come")
	require.Zero(t, s.wakes.Load())
	require.True(t, s.sysmon.freeNextSlots())
	require.EqualValues(t, 1, s.wakes.Load())
	hog.next.put(bareTask(t, s), wokenTask)
	require.False(t, s.sysmon.freeNextSlots(), "another one")
}

// sysmon moves all tasks from behind a hog: the next slot, the queue, the children, and the
// forked calls that are exposed. It wakes a worker for them.
func TestAllBehindAHogIsHandedOut(t *testing.T) {
	s := newBare(2)
	s.workers()[0].announce()
	hog := s.workers()[1]
	want := []*rt.Task{bareTask(t, s), bareTask(t, s), bareTask(t, s), bareTask(t, s)}
	hog.next.put(want[0], wokenTask)
	hog.runq.Push(want[1])
	hog.runq.Push(want[2])
	hog.children.Push(want[3])
	parent := bareTask(t, s)
	parent.NeedExtra()
	call := &rt.Frame{Forker: parent}
	hog.Forks.Push(call)
	require.True(t, s.sysmon.freeBehind(hog))
	require.EqualValues(t, 1, s.wakes.Load())
	for _, d := range want {
		got, ok := s.inj.Pop(1, nil)
		require.True(t, ok)
		require.Same(t, d, got)
	}
	got, ok := s.inj.Pop(1, nil)
	require.True(t, ok)
	require.NotNil(t, got)
	require.Same(t, call, got.Fn())
	require.False(t, s.sysmon.freeBehind(hog), "nothing is left")
}

// Of many forked calls behind a hog, sysmon moves few at a time, because each then takes a
// descriptor, but always some.
func TestManyCallsBehindAHog(t *testing.T) {
	s := newBare(2)
	hog := s.workers()[1]
	parent := bareTask(t, s)
	parent.NeedExtra()
	const calls = 3 * mostIssued
	for range calls {
		hog.Forks.Push(&rt.Frame{Forker: parent})
	}
	require.True(t, s.sysmon.freeBehind(hog))
	require.Equal(t, mostIssued, s.inj.Len(), "what the injector is filled up to")
	require.True(t, s.sysmon.freeBehind(hog))
	require.Equal(t, mostIssued+leastIssued, s.inj.Len(), "what is handed out beside a full injector")
	for s.inj.Len() > 0 {
		_, ok := s.inj.Pop(1, nil)
		require.True(t, ok)
	}
	require.True(t, s.sysmon.freeBehind(hog))
	require.Equal(t, mostIssued, s.inj.Len())
}

// sysmon counts the timers of all queues.
func TestSysmonCountsTimers(t *testing.T) {
	s := newBare(2)
	ts := make([]rt.Timer, manyTimers)
	for i := range ts {
		ts[i].Do = &bell{s: s}
		s.workers()[i%2].timers.Arm(&ts[i], 1<<60)
	}
	s.timers.Len() // all are in the heaps
	require.Zero(t, s.sysmon.timerGrace())
	s.sysmon.countTimers()
	require.Equal(t, busyGrace, s.sysmon.timerGrace())
	require.Equal(t, 1<<60+busyGrace, s.sysmon.nextTimer())
	require.True(t, s.timers.Disarm(&ts[0]))
	for i := range ts[1:] {
		require.True(t, s.timers.Disarm(&ts[1+i]))
	}
	s.timers.Trim()
	s.sysmon.countTimers()
	require.Zero(t, s.sysmon.timerGrace())
}

// Timers that never come have the latest time there is. The grace does not make it overflow, which
// would have sysmon tick all the time.
func TestGraceOfTheLatestTime(t *testing.T) {
	s := newBare(1)
	ts := make([]rt.Timer, manyTimers)
	const latest int64 = math.MaxInt64
	for i := range ts {
		ts[i].Do = &bell{s: s}
		s.timers.Arm(&ts[i], latest)
	}
	s.timers.Len() // all are in the heap
	s.sysmon.countTimers()
	require.Equal(t, busyGrace, s.sysmon.timerGrace())
	require.Equal(t, latest, s.sysmon.nextTimer())
	require.Equal(t, latest, s.sysmon.graceEnd(latest-busyGrace))
	require.Equal(t, latest-1, s.sysmon.graceEnd(latest-busyGrace-1))
}
