package preempt

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// drive polls with step nanoseconds of work between two polls until the quantum is over. It returns
// how long that took by the clock, and how often the clock was read.
func drive(s *Slice, f *Flag, now *int64, step int64, quantum time.Duration) (took int64, reads int) {
	s.Begin(f)
	start := *now
	for {
		*now += step
		if !f.Poll() {
			continue
		}
		reads++
		if s.Spent(f, *now, quantum) {
			return *now - start, reads
		}
	}
}

// Whatever the length of the work between two polls, the slice is over soon after its quantum, and
// cheap polls do not read the clock each time.
func TestSliceEndsSoonAfterItsQuantum(t *testing.T) {
	const quantum = 10 * time.Millisecond
	for _, step := range []int64{1, 10, 100, 1_000, 10_000} {
		var s Slice
		var f Flag
		now := int64(1)
		took, reads := drive(&s, &f, &now, step, quantum)
		first := int64(FirstBudget+1) * step // the polls before the clock is first read
		require.GreaterOrEqual(t, took, int64(quantum), "step %d", step)
		require.LessOrEqual(t, took, int64(quantum)*5/4+first, "step %d", step)
		require.Less(t, reads, 64, "step %d", step)
	}
}

// If polls become slow after a cheap stretch, this costs one budget at most, and the next budget is
// smaller.
func TestSliceAdaptsToSlowerPolls(t *testing.T) {
	const quantum = 8 * time.Millisecond
	var s Slice
	var f Flag
	s.Begin(&f)
	now := int64(1)
	for range 4 { // cheap polls
		for !f.Poll() {
			now++
		}
		require.False(t, s.Spent(&f, now, quantum))
	}
	grown := f.Budget()
	require.EqualValues(t, FirstBudget*8, grown, "twofold at each look but the first")
	for !f.Poll() {
		now += 10_000
	}
	s.Spent(&f, now, quantum)
	require.Less(t, f.Budget(), grown/4, "shrinks at once")
	require.Positive(t, f.Budget())
}

// A look after a long silence ends the slice, and the budget never falls below one.
func TestSliceAfterASilence(t *testing.T) {
	var s Slice
	var f Flag
	s.Begin(&f)
	require.False(t, s.Spent(&f, 100, time.Millisecond), "the first look starts the clock")
	require.Zero(t, s.Age(100))
	require.True(t, s.Spent(&f, 100+int64(time.Second), time.Millisecond))
	require.EqualValues(t, 1, f.Budget())
	require.Equal(t, time.Second, s.Age(100+int64(time.Second)))
}

// Begin forgets the slice before.
func TestBeginStartsAnew(t *testing.T) {
	var s Slice
	var f Flag
	s.Begin(&f)
	s.Spent(&f, 1, time.Millisecond)
	s.Begin(&f)
	require.EqualValues(t, FirstBudget, f.Budget())
	require.Zero(t, s.Age(1<<40))
	require.False(t, s.Spent(&f, 1<<40, time.Millisecond))
}

// A clock that stands still and a quantum of a nanosecond do no harm.
func TestSliceExtremes(t *testing.T) {
	var s Slice
	var f Flag
	s.Begin(&f)
	for range 100 {
		require.False(t, s.Spent(&f, 5, time.Hour))
		require.LessOrEqual(t, f.Budget(), int32(maxBudget))
		require.Positive(t, f.Budget())
	}
	s.Begin(&f)
	s.Spent(&f, 1, 1)
	require.True(t, s.Spent(&f, 2, 1))
	require.Positive(t, f.Budget())
}
