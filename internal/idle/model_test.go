//go:build heddle_model

package idle

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
)

// A worker announces that it sleeps, and then claims itself or, if another has claimed it, parks.
// Two wakers try to claim it meanwhile. One of the three succeeds, and the worker is a searcher
// afterwards that is woken once at most.
func TestModelClaim(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 4}, func(m *explore.Model) {
		s := newSet(1)
		var p Parker
		p.Init(false)
		claims := 0
		m.Thread("worker", func() {
			s.Sleep(0, false) // (Sleep-W2)
			if s.ClaimThis(0) {
				claims++
			} else {
				p.Park() // (Sleep-W4)
			}
		})
		for i := range 2 {
			m.Thread(fmt.Sprint("waker", i), func() {
				if id, ok := s.Claim(); ok { // (Sleep-P3)
					claims++
					if id != 0 {
						explore.Failf("claimed worker %d", id)
					}
					p.Unpark()
				}
			})
		}
		m.Check(func() error {
			if claims != 1 || s.Sleeping() != 0 || s.Searching() != 1 || len(p.ch) != 0 {
				return fmt.Errorf("%d claims; %d sleep, %d search; %d wake-ups are left", claims, s.Sleeping(), s.Searching(), len(p.ch))
			}
			return nil
		})
	})
}
