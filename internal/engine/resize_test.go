package engine

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
)

// A worker that comes by Resize wakes sysmon, which has to watch over its tasks.
func TestResizeWakesTheMonitor(t *testing.T) {
	s := open(t, withWorkers(1))
	testkit.Until(t, "sysmon sleeps", s.mon.Asleep)
	require.NoError(t, s.Resize(2))
	for s.mon.Asleep() {
		runtime.Gosched()
	}
}
