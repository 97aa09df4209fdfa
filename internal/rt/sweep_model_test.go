//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
)

// TestModelSweep explores a sweep of the waiters of a life that ends, while a waiter registers for
// the descriptor's next life. The first waiter must be woken, and the second one not before that
// next life has ended.
func TestModelSweep(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 4}, func(m *explore.Model) {
		d := fresh(0)
		var w [2]*Waiter
		for i := range w {
			w[i] = &Waiter{C: make(chan struct{}, 1), Shared: &Shared{}}
		}
		d.Await(w[0], 0)
		var claimed [2]bool
		finish := func() {
			x, _ := d.Finish(Returned)
			for x != nil {
				next := x.next
				if x.Claim() {
					claimed[0] = claimed[0] || x == w[0]
					claimed[1] = claimed[1] || x == w[1]
				}
				x = next
			}
		}
		m.Thread("sweeper", d.sweep)
		m.Thread("worker", func() {
			finish()
			d.Start("second", nil)
			if !d.Await(w[1], 1) {
				explore.Failf("the second life has not ended")
			}
			if w[1].claim.Load() != wtWaiting {
				explore.Failf("the second waiter was woken before the task has ended")
			}
			finish()
		})
		m.Check(func() error {
			for i := range w {
				if claimed[i] == (len(w[i].C) == 1) {
					return fmt.Errorf("waiter %d: claimed by the finisher %v, woken by the sweeper %v",
						i, claimed[i], len(w[i].C) == 1)
				}
			}
			return nil
		})
	})
}
