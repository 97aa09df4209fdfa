//go:build heddle_model

package rt

import (
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
)

// TestModelLife explores a kept Ctx that is used while its task ends and the descriptor begins its
// next life. If Escape says that the descriptor serves no life after that of the Ctx, it never
// does. If it says that it may, the next life can end as usual.
func TestModelLife(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 4}, keptLife(func(d *Task) (freed bool) {
		if _, freed = d.Finish(Returned); freed {
			d.Start("second", nil)
		}
		return freed
	}))
}

// TestModelLifeRenewed is TestModelLife with Renew in place of Finish and Start.
func TestModelLifeRenewed(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 4}, keptLife(func(d *Task) (freed bool) {
		if freed = d.Renew(); !freed {
			_, freed = d.Finish(Returned)
		}
		return freed
	}))
}

// keptLife models one task after the other. next ends the first and begins the second, or returns
// false.
func keptLife(next func(d *Task) (freed bool)) func(m *explore.Model) {
	return func(m *explore.Model) {
		d := &Task{}
		d.Init(&Worker{})
		d.Start("first", nil)
		c := d.Life()
		var escaped [2]bool
		freed, again := false, false
		m.Thread("worker", func() {
			if freed = next(d); freed {
				_, again = d.Finish(Returned)
			}
		})
		for i := range escaped {
			m.Thread("kept", func() {
				if escaped[i] = c.Escape(); escaped[i] && d.Gen() != c.Gen() {
					explore.Failf("the descriptor serves another life")
				}
				if !escaped[i] && c.CtxErr() == nil {
					explore.Failf("the life has ended without an error")
				}
			})
		}
		m.Check(func() error {
			for _, e := range escaped {
				if e == freed {
					explore.Failf("escaped %v, and the descriptor was freed: %v", e, freed)
				}
			}
			if freed && !again {
				explore.Failf("the second life was kept from ending as usual")
			}
			return nil
		})
	}
}
