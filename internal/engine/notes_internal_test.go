package engine

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A forked call that another worker took has no place at which it was started: the caller of
// stolenExtra is the thief.
func TestStacksOfAStolenCall(t *testing.T) {
	s := start(withWorkers(1), withSites())
	defer s.Close()
	parent := new(rt.Task)
	parent.Start(func(*task.Ctx) {}, nil)
	require.NotZero(t, s.born(nil, parent).Look.Started, "this test starts it")
	f := &rt.Frame{Forker: parent}
	k := s.stolenExtra(f).Look
	require.Equal(t, f, k.Frame)
	require.Zero(t, k.Started)
	require.Zero(t, k.Stacks.Started)
}
