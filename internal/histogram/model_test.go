//go:build heddle_model

package histogram

import (
	"fmt"
	"testing"
	"time"

	"github.com/heddle-go/heddle/internal/explore"
)

// A reader meets the writer. It may see the count of a duration without its share of the sum, but
// not the share without the count, and not the count without the longest duration.
func TestModelOfAReader(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 1}, func(m *explore.Model) {
		var h Histogram
		h.Record(1)
		var s Snapshot
		m.Thread("writes", func() { h.Record(1000) })
		m.Thread("reads", func() { s.Add(&h) })
		m.Check(func() error {
			longest := time.Duration(1)
			if s.Count() == 2 {
				longest = 1000
			}
			if s.Max() < longest || s.Sum() > 1+1000*time.Duration(s.Count()-1) {
				return fmt.Errorf("%d durations, %v in all, up to %v", s.Count(), s.Sum(), s.Max())
			}
			return nil
		})
	})
}
