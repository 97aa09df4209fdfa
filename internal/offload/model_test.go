//go:build heddle_model

package offload

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
)

// numbered is a job that is told from others.
type numbered int

func (numbered) Run() error { return nil }
func (numbered) End()       {}

// handover passes two jobs to a blocker that polls, a few times, and then blocks. Each must arrive,
// once, and with a wake-up only if the blocker does not poll any more.
func handover(stopPolling func(b *blocker) bool) func(*explore.Model) {
	return func(m *explore.Model) {
		b := &blocker{}
		idle, wakes := false, 0
		const jobs = 2
		m.Thread("blocker", func() {
			for want := range jobs {
				b.begin(true)
				idle = true
				given := false
				for range 2 {
					if given = b.given(); given {
						break
					}
				}
				if !given && stopPolling(b) {
					explore.Block("woken", func() bool { return wakes > 0 })
					wakes--
				}
				if b.job != rt.Job(numbered(want)) {
					explore.Failf("got %v, want %v", b.job, want)
				}
				b.job = nil
			}
		})
		m.Thread("callers", func() {
			for i := range jobs {
				explore.Block("idle", func() bool { return idle })
				idle = false
				if !b.offer(numbered(i)) {
					wakes++
				}
			}
		})
		m.Check(func() error {
			if wakes != 0 || b.job != nil {
				return fmt.Errorf("%d wake-ups and job %v are left", wakes, b.job)
			}
			return nil
		})
	}
}

func TestModelBlocker(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, handover((*blocker).stopPolling))
}

// A blocker that looks and then blocks, without CAS, waits for ever with a job in its hands.
func TestModelBlockerWithoutCAS(t *testing.T) {
	_, failure := explore.Check(explore.Config{Preemptions: 2}, handover(func(b *blocker) bool {
		if b.given() {
			return false
		}
		b.state.Store(bkBlocked)
		return true
	}))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "blocked for ever")
}
