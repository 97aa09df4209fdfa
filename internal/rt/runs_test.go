package rt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The time grows while the task runs, and not while it does not. A dispatch that is stopped and
// resumed counts once.
func TestRuns(t *testing.T) {
	var r Runs
	now := int64(0)
	expect := func(n uint64, ran int64) {
		t.Helper()
		gotN, got := r.Load()
		require.Equal(t, n, gotN)
		require.Equal(t, ran, got.At(now))
	}
	expect(0, 0)
	_, got := r.Load()
	require.False(t, got.Running())
	r.Begin(now) // at 0, and for no time
	expect(1, 0)
	_, got = r.Load()
	require.True(t, got.Running())
	r.Stop(now)
	expect(1, 0)
	now = 100
	r.Begin(now)
	expect(2, 0)
	now = 107
	expect(2, 7)
	r.Stop(now)
	r.Stop(now + 1)
	now = 1000
	expect(2, 7)
	r.Resume(now)
	now = 1003
	expect(2, 10)
	r.Begin(now) // nothing has noted that the dispatch before is over
	expect(3, 10)
	now = 1004
	expect(3, 11)
	now = 900 // a reader whose clock lags
	expect(3, 0)
}
