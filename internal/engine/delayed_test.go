package engine

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/task"
)

// A periodic task whose run ends while Close is about to cancel it ends as cancelled.
func TestPeriodicEndsWithClose(t *testing.T) {
	s := start(withWorkers(1))
	h := s.GoEvery(time.Nanosecond, func(*task.Ctx) { s.phase.Store(phaseClosed) })
	require.Equal(t, task.ErrClosed, h.Wait())
	s.phase.Store(phaseOpen)
	s.Close()
}
