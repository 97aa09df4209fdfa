package rt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The least index that is free comes next.
func TestIndexes(t *testing.T) {
	a, b, c := TakeIndex(), TakeIndex(), TakeIndex()
	require.Less(t, a, b)
	require.Less(t, b, c)
	ReleaseIndex(b)
	require.Equal(t, b, TakeIndex())
	ReleaseIndex(c)
	ReleaseIndex(a)
	require.Equal(t, a, TakeIndex())
	ReleaseIndex(a)
	ReleaseIndex(b)
}
