package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/heddle-go/heddle/internal/balance"
)

func TestMain(m *testing.M) {
	balance.Watch()
	goleak.VerifyTestMain(m)
}

// The test checks the outcomes and the report, but no times. Times are for the reader of the
// output.
func TestRun(t *testing.T) {
	var out, errs bytes.Buffer
	require.Equal(t, 0, run([]string{"-for", "150ms"}, &out, &errs), errs.String())
	require.Empty(t, errs.String())
	for _, row := range []string{
		"heddle, hogs call Checkpoint", "heddle, hogs never give way",
		"goroutines, hogs call Gosched", "goroutines, hogs never give way",
		"stall reports",
	} {
		require.Contains(t, out.String(), row)
	}
}

func TestEveryShortTaskRuns(t *testing.T) {
	const length = 100 * time.Millisecond
	for _, checkpoints := range []bool{true, false} {
		o, _, err := onHeddle(length, checkpoints)
		require.NoError(t, err)
		require.Positive(t, o.chunks)
		require.Len(t, o.latencies, int(length/period))
		for i, d := range o.latencies {
			require.Positive(t, d, "short task %d", i)
		}
	}
}

func TestBadArguments(t *testing.T) {
	for _, args := range [][]string{{"-for", "soon"}, {"-for", "1ms"}, {"pig"}} {
		var out, errs bytes.Buffer
		require.Equal(t, 2, run(args, &out, &errs), "%q", args)
		require.Contains(t, errs.String(), "usage: hog", "%q", args)
	}
	var out, errs bytes.Buffer
	require.Equal(t, 0, run([]string{"-h"}, &out, &errs))
	require.Contains(t, errs.String(), "usage: hog")
}
