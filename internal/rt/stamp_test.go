package rt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func stampable(t *testing.T) *Task {
	d := &Task{}
	d.Init(&Worker{})
	d.Start(nil, &Extra{Level: Low})
	return d
}

// A stamp gives back the time in units of 32 ns, beyond 32 bits and modulo 37 bits of them, and
// leaves the rest of the word alone.
func TestStamp(t *testing.T) {
	for _, at := range []int64{1, 31, 32, 1000, 1 << 32, 1<<37 + 5, 1 << 41, 1<<42 - 1, 1<<42 + 64, 1 << 50} {
		for _, waited := range []int64{0, 32, 1 << 20, 1 << 40} {
			d := stampable(t)
			before := d.Status()
			d.Stamp(at)
			require.True(t, d.Status().Stamped())
			require.Equal(t, before.Level(), d.Status().Level())
			require.Equal(t, before.Gen(), d.Status().Gen())
			d.Cancel(d.Gen(), Default) // others change the word meanwhile
			got, timed := d.TakeStamp(at + waited)
			require.True(t, timed, "%d", at)
			require.InDelta(t, waited, got, 32, "%d after %d", waited, at)
			require.False(t, d.Status().Stamped())
			require.True(t, d.Status().Cancelled())
			_, free := d.Finish(Returned)
			require.False(t, free)
		}
	}
}

// A task may have stamps one after the other, and the later one has nothing of the earlier.
func TestStampAgain(t *testing.T) {
	d := stampable(t)
	d.Stamp(1<<42 - 1)
	_, _ = d.TakeStamp(1 << 42)
	d.Stamp(64)
	d.Stamp(96)
	got, timed := d.TakeStamp(128)
	require.True(t, timed)
	require.EqualValues(t, 32, got)
	d.Stamp(1<<42 - 1)
	d.StampOnly()
	_, timed = d.TakeStamp(1 << 42)
	require.False(t, timed)
}

// A stamp does not outlive the life, nor keep a waiter from claiming a fresh task.
func TestStampAndTheLife(t *testing.T) {
	d := &Task{}
	d.Init(&Worker{})
	d.Spawned(nil, nil)
	d.Stamp(1000)
	require.True(t, d.Claim(d.Gen()))
	require.True(t, d.Status().Stamped() && d.Status().Stale())
	ok, _ := d.Taken()
	require.False(t, ok, "the entry is stale")
	require.True(t, d.Status().Stamped())
	_, free := d.Finish(Returned)
	require.True(t, free)
	require.False(t, d.Status().Stamped())
}
