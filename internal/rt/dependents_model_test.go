//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
)

// depends models a task that is cancelled, ends, or both, while two other parties add dependents:
// a function of AfterDone, and the inner context.
func depends(cancels, ends bool) func(*explore.Model) {
	return func(m *explore.Model) {
		d := fresh(1)
		c := d.Life()
		called, took := 0, false
		done := (<-chan struct{})(nil)
		m.Thread("function", func() {
			_, took = c.AfterDone(func(*Late) { called++ })
		})
		m.Thread("inner", func() { done = c.Done() })
		m.Thread("canceller", func() {
			if cancels {
				d.Cancel(1, Default)
				d.CancelStolen(d.Extra().CloseDone(nil))
			}
			if ends {
				d.Finish(Returned)
				d.Extra().CloseDone(nil)
			}
		})
		m.Check(func() error {
			if want := map[bool]int{true: 1}[took]; called != want {
				return fmt.Errorf("the function was called %d times, want %d", called, want)
			}
			select {
			case <-done:
				return nil
			default:
				return fmt.Errorf("the channel of Done is open")
			}
		})
	}
}

func TestModelDependents(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, depends(true, false))
	explore.Run(t, explore.Config{Preemptions: 3}, depends(false, true))
	explore.Run(t, explore.Config{Preemptions: 2}, depends(true, true))
}
