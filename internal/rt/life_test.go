package rt_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

// A descriptor serves Lives tasks, and no two of them have the same Life.
func TestLivesOfADescriptor(t *testing.T) {
	d := new(rt.Task)
	seen := map[*rt.Life]bool{}
	for i := range rt.Lives {
		d.Start("fn", nil)
		c := d.Life()
		require.False(t, seen[c])
		seen[c] = true
		require.Same(t, d, c.Task())
		require.NoError(t, c.CtxErr())
		_, free := d.Finish(rt.Returned)
		require.Equal(t, i < rt.Lives-1, free, "life %d", i)
		require.Error(t, c.CtxErr())
	}
	for c := range seen {
		require.Error(t, c.CtxErr())
	}
}
