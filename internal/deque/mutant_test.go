//go:build heddle_model

package deque

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

// caught requires that exploring the model finds a fault while the bug is planted, and no fault
// without the bug.
func caught(t *testing.T, bug mutant, message string, preemptions int, setup func(*explore.Model)) {
	defer func() { planted = sound }()
	planted = bug
	stats, failure := explore.Check(explore.Config{Preemptions: preemptions}, setup)
	require.NotNil(t, failure, "not caught in %d schedules", stats.Schedules)
	require.Contains(t, failure.Message, message)
	require.NotEqual(t, explore.Diverged, failure.Kind)
	require.NotContains(t, failure.Message, "not deterministic")
	t.Logf("caught by schedule %d: %v", stats.Schedules, failure)

	planted = sound
	explore.Run(t, explore.Config{Preemptions: preemptions}, setup)
}

func TestMutantTakeLoadsTopFirst(t *testing.T) {
	caught(t, takeLoadsTopFirst, "twice", 2, takes(LIFO))
}

func TestMutantTakeSkipsCAS(t *testing.T) {
	caught(t, takeSkipsCAS, "twice", 2, last(LIFO))
}

func TestMutantPushPublishesFirst(t *testing.T) {
	caught(t, pushPublishesFirst, "Steal returns", 2, pushes(LIFO))
	caught(t, pushPublishesFirst, "Steal returns", 2, pushes(FIFO))
}

func TestMutantExposeOvershoots(t *testing.T) {
	caught(t, exposeOvershoots, "(1)", 2, exposes)
}

func TestMutantGrowPublishesFirst(t *testing.T) {
	caught(t, growPublishesFirst, "Steal returns", 2, grows(LIFO))
	caught(t, growPublishesFirst, "Steal returns", 2, grows(FIFO))
}

func TestMutantGrowTooLate(t *testing.T) {
	caught(t, growTooLate, "twice", 2, grows(LIFO))
	caught(t, growTooLate, "twice", 2, grows(FIFO))
}

func TestMutantStealLoadsRingFirst(t *testing.T) {
	caught(t, stealLoadsRingFirst, "Steal returns", 2, trims(LIFO))
	caught(t, stealLoadsRingFirst, "Steal returns", 2, trims(FIFO))
}

func TestMutantBatchReadsAfterCAS(t *testing.T) {
	caught(t, batchReadsAfterCAS, "StealBatch returns", 2, batches(FIFO))
}

func TestMutantBatchClaimsLIFO(t *testing.T) {
	caught(t, batchClaimsLIFO, "twice", 2, batches(LIFO))
}

func TestMutantSweepOvershoots(t *testing.T) {
	caught(t, sweepOvershoots, "", 2, grows(LIFO))
	caught(t, sweepOvershoots, "", 2, grows(FIFO))
}

func TestMutantReverseKeepsOldest(t *testing.T) {
	caught(t, reverseKeepsOldest, "", 3, reverses(3))
}

func TestMutantReverseSkipsCAS(t *testing.T) {
	caught(t, reverseSkipsCAS, "twice", 2, reverses(3))
}

func TestMutantAskClearsAfterExpose(t *testing.T) {
	caught(t, askClearsAfterExpose, "does not know", 2, asks)
}
