//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
)

// wakings is a scheduler whose notes of wake-ups say only whether a timer woke, and count.
type wakings struct {
	Scheduler
	n int64
}

func (s *wakings) Waking(by Waker) Waking {
	s.n++
	return Waking{By: by, At: s.n}
}

// ringed is fresh for a task that notes wake-ups.
func ringed() *Task {
	d := &Task{}
	d.Init(&Worker{Shared: &Shared{Sched: &wakings{}}, Looks: LookRing})
	d.Start("fn", &Extra{Look: &Look{}})
	return d
}

// tellsOf models a successor that parks d, and wakers that race with it. If the wake-up was early,
// the successor has to find the note of a waker that has set the flag of k. by tells the notes of
// the right wakers from the others.
func tellsOf(k Park, by Waker, before func(d *Task), wakers ...func(d *Task) bool) func(*explore.Model) {
	return func(m *explore.Model) {
		d := ringed()
		if before != nil {
			before(d)
		}
		first := d.Shared().Sched.(*wakings).n // later notes have greater numbers
		m.Thread("successor", func() {
			if d.CommitPark(k) {
				return
			}
			d.TellEarly(k)
			w := d.Extra().Look.Woken
			s := d.Status()
			switch {
			case w.At == 0 && !s.Cancelled():
				explore.Failf("the wake-up was early, and its note is not there")
			case w.At != 0 && (w.By != by || w.At <= first):
				explore.Failf("the note is of another wake-up: %v", w)
			case w.At != 0 && k&flagInternal != 0 && !s.has(flagWoken):
				explore.Failf("a cancellation came, and the note is of a wake-up that did not")
			}
		})
		for i, wake := range wakers {
			m.Thread(fmt.Sprint("waker", i), func() { wake(d) })
		}
	}
}

func wakeByTimer(d *Task) bool { return d.wakeBy(ByTimer) }

// oldToken leaves a note of a token that the task has taken without a park.
func oldToken(d *Task) {
	ready(d)
	d.TakeToken()
}

// A successor that finds the flag of an early wake-up finds the waker's note, and no other's.
func TestModelTellEarly(t *testing.T) {
	all, some := explore.Config{Preemptions: explore.Unbounded}, explore.Config{Preemptions: 3}
	explore.Run(t, all, tellsOf(ForWake, ByTimer, nil, wakeByTimer))
	explore.Run(t, some, tellsOf(ForWake, ByTimer, nil, wakeByTimer, ready))
	explore.Run(t, some, tellsOf(ForWake, ByTimer, nil, wakeByTimer, cancel))
	explore.Run(t, some, tellsOf(ForWakeOnly, ByTimer, nil, wakeByTimer, cancel))
	explore.Run(t, all, tellsOf(ForReady, ByUnknown, oldToken, ready))
	explore.Run(t, some, tellsOf(ForReady, ByUnknown, oldToken, ready, ready))
	explore.Run(t, some, tellsOf(ForReady, ByUnknown, oldToken, ready, cancel))
}
