//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
)

// thefts models a task from which a call is stolen. From that call another call is stolen.
// Meanwhile cancellers are at work, and one of them may be Close, which passes the calls'
// descriptors first. In any order, all three are cancelled for the same reason.
func thefts(cancellers ...func(all []*Task)) func(*explore.Model) {
	return func(m *explore.Model) {
		p, call := family()
		_, grandkid := family()
		all := []*Task{grandkid, call, p}
		m.Thread("thief", func() {
			steal(p, call)
			steal(call, grandkid)
		})
		for i, f := range cancellers {
			m.Thread(fmt.Sprint("canceller", i), func() { f(all) })
		}
		m.Check(func() error {
			want := p.Cause(errShut, errShut)
			if want == nil {
				return fmt.Errorf("the parent is not cancelled")
			}
			for i, d := range all {
				if got := d.Cause(errShut, errShut); got != want {
					return fmt.Errorf("call %d is cancelled with %v, its parent with %v", i, got, want)
				}
			}
			return nil
		})
	}
}

func closeAll(all []*Task) {
	for _, d := range all {
		d.Close()
	}
}

func cancelRoot(all []*Task) { cancelWith(all[2], errWhy) }

func TestModelStolenCallsAreCancelled(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 4}, thefts(closeAll))
	explore.Run(t, explore.Config{Preemptions: 4}, thefts(cancelRoot))
	explore.Run(t, explore.Config{Preemptions: 2}, thefts(closeAll, cancelRoot))
	explore.Run(t, explore.Config{Preemptions: 2}, thefts(closeAll, func(all []*Task) {
		all[2].Cancel(all[2].Gen(), Closed) // as a park in a closed scheduler does
	}))
}
