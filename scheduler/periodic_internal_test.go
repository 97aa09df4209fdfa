package scheduler

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// A periodic task whose run ends while Close is about to cancel it ends as cancelled.
func TestPeriodicEndsWithClose(t *testing.T) {
	s, err := New(WithWorkers(1))
	require.NoError(t, err)
	h := s.GoEvery(time.Nanosecond, func(*task.Ctx) { s.phase.Store(phaseClosed) })
	require.Equal(t, task.ErrClosed, h.Wait())
	s.phase.Store(phaseOpen)
	require.NoError(t, s.Close())
}
