package preempt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A zero Flag takes the slow path at once, because it has no budget.
func TestZeroFlagHasNoBudget(t *testing.T) {
	var f Flag
	require.True(t, f.Poll())
	require.EqualValues(t, -1, f.Budget())
	require.False(t, f.Asked(0), "and yet nobody asked")
}

// A budget of n lets n polls pass.
func TestBudget(t *testing.T) {
	for _, n := range []int32{1, 2, 64, maxBudget} {
		var f Flag
		f.Grant(n)
		for i := range n {
			if f.Poll() {
				t.Fatalf("poll %d of %d", i, n)
			}
		}
		require.True(t, f.Poll(), "budget %d is spent", n)
	}
}

func TestGrantIsCut(t *testing.T) {
	var f Flag
	f.Grant(1<<31 - 1)
	require.EqualValues(t, maxBudget, f.Budget())
	f.Ask(0)
	require.True(t, f.Poll(), "no budget hides a mark")
}

// A mark reaches only the dispatch that it names. Any dispatch that calls Asked clears it.
func TestMarkNamesItsDispatch(t *testing.T) {
	for _, id := range []uint32{0, 1, MaxID, MaxID + 1, 1<<32 - 1} {
		var f Flag
		f.Grant(FirstBudget)
		require.False(t, f.Poll())
		f.Ask(id)
		require.True(t, f.Poll())
		require.True(t, f.Asked(id))
		require.False(t, f.Asked(id), "cleared")
		require.False(t, f.Poll())

		f.Ask(id)
		require.True(t, f.Poll())
		require.False(t, f.Asked(id+1), "meant for the dispatch before")
		require.False(t, f.Asked(id), "cleared")
		require.False(t, f.Poll())
	}
}

// A later mark replaces an earlier one.
func TestMarksOverwrite(t *testing.T) {
	var f Flag
	f.Grant(1)
	f.Ask(1)
	f.Ask(2)
	require.True(t, f.Asked(2))
}

func TestFlagIsSmall(t *testing.T) {
	require.Zero(t, testing.AllocsPerRun(100, func() {
		var f Flag
		f.Grant(1)
		f.Ask(1)
		f.Poll()
		f.Asked(1)
	}))
}
