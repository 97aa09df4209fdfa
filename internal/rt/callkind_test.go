package rt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// One long call among short ones changes nothing, because the system may have taken the thread
// away. Two long calls out of three do, and so do two short ones afterwards.
func TestCallKind(t *testing.T) {
	var k CallKind
	took := func(ns ...int64) {
		for _, ns := range ns {
			k.Took(ns)
		}
	}
	require.False(t, k.Long())
	took(10, LongCall, 10, 10, LongCall, 10, LongCall-1)
	require.False(t, k.Long())
	took(LongCall, LongCall)
	require.True(t, k.Long())
	took(LongCall, LongCall, LongCall, 10)
	require.True(t, k.Long())
	took(10)
	require.False(t, k.Long())
	k.Held()
	require.True(t, k.Long())
}
