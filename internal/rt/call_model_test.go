//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

// called is one call whose task is cancelled at any time and then ends. stays is Leave's argument.
// await is Await or a mutant of it.
func called(stays bool, await func(j *Call) bool) func(*explore.Model) {
	return func(m *explore.Model) {
		j := new(Call)
		inside, wakes := false, 0
		wake := func() { wakes++ }
		wait := func() {
			explore.Block("woken", func() bool { return wakes > 0 })
			wakes--
		}
		m.Thread("goroutine", func() {
			if j.Begin() && j.Waited() {
				inside = true
				explore.Point("the function")
				inside = false
				if j.Return() {
					wake()
					return
				}
			}
			if j.End() {
				wake()
			}
		})
		m.Thread("task", func() {
			if !j.Detach(stays) {
				wait()
				if inside {
					explore.Failf("the task goes on before a call with which it stays")
				}
			} else if stays && j.state.Load() == clDetached {
				explore.Failf("the task leaves a call with which it stays")
			} else if await(j) {
				wait()
			}
			if inside {
				explore.Failf("the task has ended before its call")
			}
			if j.Waited() {
				explore.Failf("the function is yet to be called")
			}
			explore.Point("ended")
			if inside {
				explore.Failf("the function is called after the task's end")
			}
		})
		m.Check(func() error {
			if wakes != 0 {
				return fmt.Errorf("%d wake-ups are left", wakes)
			}
			return nil
		})
	}
}

func TestModelCall(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, called(false, (*Call).Await))
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, called(true, (*Call).Await))
}

// A task that first checks whether the call has ended, and then announces its wait without a CAS,
// waits for ever. A task that does not wait goes on too early.
func TestModelCallWithoutAwait(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, called(false, func(*Call) bool { return false }))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "before its call")
	_, failure = explore.Check(explore.Config{Preemptions: 2}, called(false, func(j *Call) bool {
		if j.state.Load() != clDetached {
			return false
		}
		j.state.Store(clAwaited)
		return true
	}))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "blocked for ever")
}
