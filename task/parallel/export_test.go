package parallel

import (
	"testing"
	"time"
)

// ReplaceClock replaces the clock of steps by now, which returns nanoseconds, until the test ends.
func ReplaceClock(t *testing.T, now func() int64) {
	old := clock
	clock = func() time.Duration { return time.Duration(now()) }
	t.Cleanup(func() { clock = old })
}
