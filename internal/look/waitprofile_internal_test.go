package look

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
)

// While a profile is built, workers can add samples to it.
func TestWaitProfileDoesNotHoldWorkersUp(t *testing.T) {
	var p WaitProfile
	p.Add(1, rt.WaitMutex, 1, 1)
	frames := 0
	p.profile(time.Second, time.Now(), func(*runtime.Frame) bool {
		frames++
		require.True(t, p.mu.TryLock())
		p.mu.Unlock()
		return true
	})
	require.Positive(t, frames)
}

// The profile tells a bounded number of stacks apart, and counts all other waits together.
func TestWaitProfileIsBounded(t *testing.T) {
	var p WaitProfile
	p.Add(1, rt.WaitMutex, 1, 10)
	for i := uintptr(1); len(p.at) < maxWaitStacks; i++ {
		k := waitKey{reason: rt.WaitMutex}
		k.stack[0] = i
		p.at[k] = &waitCount{1, 1}
	}
	p.Add(1, rt.WaitEvent, 2, 20)
	p.Add(1, rt.WaitEvent, 3, 30)
	all, more := p.read()
	require.Len(t, all, maxWaitStacks)
	require.Equal(t, waitCount{5, 50}, more)
}
