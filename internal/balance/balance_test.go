package balance

import (
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

func TestWatch(t *testing.T) {
	Watch()
	defer func() { rt.AtEnd = nil }()
	var live, owed atomic.Int64
	b := rt.Balance{Live: live.Load, ReadyGoroutines: owed.Load}
	require.NotPanics(t, func() { rt.AtEnd(b) })
	require.Panics(t, func() { rt.AtEnd(rt.Balance{Stranded: 1, Live: live.Load, ReadyGoroutines: owed.Load}) })

	// A count that a goroutine has to lower may take a moment.
	for _, n := range []*atomic.Int64{&live, &owed} {
		n.Store(1)
		go n.Add(-1)
		rt.AtEnd(b)
		require.Zero(t, n.Load())
	}
}
