package scheduler

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/engine"
)

// Options hand these values to the engine as they are.
func TestEngineHasTheSameValues(t *testing.T) {
	require.EqualValues(t, engine.MaxWorkers, MaxWorkers)
	require.Equal(t, engine.MaxQuantum, MaxQuantum)
	for policy, same := range map[QueuePolicy]engine.Policy{
		Block: engine.Block, Reject: engine.Reject, CallerRuns: engine.CallerRuns, DropOldest: engine.DropOldest,
	} {
		require.EqualValues(t, same, policy)
	}
	require.EqualValues(t, engine.Sampled, Sampled)
	require.EqualValues(t, engine.Exact, Exact)
}
