package balance

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

func TestWatch(t *testing.T) {
	Watch()
	defer func() { rt.AtEnd = nil }()
	var none atomicx.Int64
	require.NotPanics(t, func() { rt.AtEnd(rt.Balance{Owed: &none}) })
	require.Panics(t, func() { rt.AtEnd(rt.Balance{Owed: &none, Live: 1}) })
	require.Panics(t, func() { rt.AtEnd(rt.Balance{Owed: &none, Stranded: 1}) })

	// A goroutine that is owed a P may take a moment.
	var owed atomicx.Int64
	owed.Store(1)
	go owed.Add(-1)
	rt.AtEnd(rt.Balance{Owed: &owed})
	require.Zero(t, owed.Load())
}
