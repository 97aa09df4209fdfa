package preempt_test

import (
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/preempt"
)

// Units that are added later are watched, a new quantum takes effect, and an idle monitor sleeps
// until it is kicked. The test's clock goes on by an hour each time that the monitor reads it.
func TestMonitorOfManyUnits(t *testing.T) {
	first, later := &worker{stalled: make(chan uint32, 1)}, &worker{stalled: make(chan uint32, 1)}
	now := int64(0) // the monitor's clock
	m := preempt.NewMonitor(preempt.Config{
		Units:   []preempt.Unit{first},
		Quantum: math.MaxInt64,
		Stall:   time.Nanosecond,
		Idle:    func() bool { return first.id.Load() == 0 && later.id.Load() == 0 },
		Now:     func() int64 { now += int64(time.Hour); return now },
	})
	m.Start()
	defer m.Stop()
	for !m.Asleep() {
		runtime.Gosched()
	}
	later.id.Store(7)
	m.Watch(later)
	m.SetQuantum(time.Millisecond)
	m.Kick()
	require.EqualValues(t, 7, <-later.stalled)
	require.True(t, later.flag.Asked(7))
	require.False(t, first.flag.Asked(0), "it runs nothing")
}
