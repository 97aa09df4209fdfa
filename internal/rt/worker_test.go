package rt

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A provider notes how often it was called, and with what.
type provider []bool

func (p *provider) Provide(_ *Worker, fill bool) { *p = append(*p, fill) }

// Each call of AskFor leads to one of Provide, also if the worker gives back what it holds.
func TestForgetEndsWhatWasAskedFor(t *testing.T) {
	var w Worker
	var a, b provider
	w.AskFor(&a)
	w.AskFor(&b)
	w.Provide(true)
	w.Provide(true)
	w.AskFor(&b)
	w.Forget()
	w.Provide(true)
	require.Equal(t, provider{true}, a)
	require.Equal(t, provider{true, false}, b)
}
