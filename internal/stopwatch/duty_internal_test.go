package stopwatch

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// duty returns what a Duty shows after the calls of a script, which are a second apart. In a script,
// b is Begin, r is Rest, c is Resume (it continues), e is End, and - is a second without a call.
func duty(script string) (busy, idle int64) {
	var d Duty
	now := int64(1000)
	for _, call := range script {
		now++
		switch call {
		case 'b':
			d.Begin(now)
		case 'r':
			d.Rest(now)
		case 'c':
			d.Resume(now)
		case 'e':
			d.End(now)
		}
	}
	clock := func() int64 { return now }
	return d.Busy(clock), d.Idle(clock)
}

func TestDuty(t *testing.T) {
	for script, want := range map[string][2]int64{
		"":               {0, 0},
		"b--":            {2, 0},
		"b--r---":        {3, 3},
		"b--r---c-":      {4, 4},
		"b--r---ce--":    {4, 4},
		"b--r---ce--b-r": {6, 4},
		// Calls are left out.
		"b-r--r-":  {5, 1}, // from r to r it counts as busy
		"b-r-c--c": {2, 5}, // from c to c as idle
		"b-c--r":   {3, 2}, // from b to c as idle
		"b-r--e-":  {5, 0},
	} {
		busy, idle := duty(script)
		require.Equal(t, want, [2]int64{busy, idle}, script)
	}
}

// What a reader has seen of a stretch that counts as the other state later is not taken back.
func TestDutyDoesNotFall(t *testing.T) {
	var d Duty
	at := func(now int64) func() int64 { return func() int64 { return now } }
	d.Begin(0)
	d.Rest(10)
	require.EqualValues(t, 5, d.Idle(at(15)))
	d.Rest(20)
	require.EqualValues(t, 5, d.Idle(at(20)))
	require.EqualValues(t, 20, d.Busy(at(20)))
}
