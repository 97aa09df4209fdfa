//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

// A heldTask has what a held task does in a wait.
type heldTask struct {
	user  func()      // calls the user's code
	park  func()      // parks until the wake-up
	woken func() bool // for a park that something else has ended: takes the wake-up, if it has come
}

// holds models a task that calls a user's code while its waiter is held, and a waker. await makes
// the rest of the wait. It returns false if it has found the event without a park. In a second wait
// the waiter is not held. For each wait the model checks that the task neither misses the
// wake-up nor leaves it to a later wait, and that the flag is not set while the user's code runs.
func holds(told func(w *Waiter) bool, await func(w *Waiter, t heldTask) (parked bool)) func(*explore.Model) {
	return func(m *explore.Model) {
		w := &Waiter{}
		flag := false // the task's flag for wake-ups
		waiting, woken := 0, 0
		m.Thread("task", func() {
			user := func() {
				explore.Block("user's code", func() bool { return true })
				if flag {
					explore.Failf("the wake-up ends a wait of the user's code")
				}
			}
			park := func() {
				explore.Block("parked", func() bool { return flag })
				flag = false
			}
			took := func() bool {
				was := flag
				flag = false
				return was
			}
			w.Task = &Task{}
			w.Hold()
			waiting = 1
			user()
			if !await(w, heldTask{user, park, took}) && flag {
				explore.Failf("a wake-up comes after the wait")
			}
			w.Forget()
			waiting = 2
			park()
		})
		m.Thread("waker", func() {
			for i := 1; i <= 2; i++ {
				explore.Block("waiting", func() bool { return waiting == i })
				if w.Held == nil || told(w) {
					flag = true
				}
				woken++
			}
		})
		m.Check(func() error {
			if flag || woken != 2 {
				return fmt.Errorf("%d events, flag %v", woken, flag)
			}
			return nil
		})
	}
}

// unhold is the rest of a wait that calls no more of the user's code.
func unhold(w *Waiter, t heldTask) bool {
	if !w.Unhold() {
		return false
	}
	t.park()
	return true
}

// holdAgain is the rest of a wait in which a cancellation ends the first park.
func holdAgain(w *Waiter, t heldTask) bool {
	if !w.Let() {
		return false
	}
	if t.woken() {
		return true
	}
	if w.HoldAgain() {
		t.user()
	}
	return unhold(w, t)
}

// A waker may have seen the hold, and act only when the task has ended it. The explorer runs all
// schedules.
func TestModelHold(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, holds((*Waiter).Told, unhold))
	explore.Run(t, explore.Config{Preemptions: explore.Unbounded}, holds((*Waiter).Told, holdAgain))
}

// A waker that looks before it notes the event leaves a task asleep that ends its hold in between.
func TestModelHoldEndedBesideAWaker(t *testing.T) {
	mutant := func(w *Waiter) bool {
		if w.hold.Load()&holdHeld == 0 {
			return true
		}
		w.hold.Add(holdTold)
		return false
	}
	_, failure := explore.Check(explore.Config{Preemptions: explore.Unbounded}, holds(mutant, unhold))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "blocked for ever")
}

// A waker that wakes a task without a note for it wakes the task in the user's code.
func TestModelHoldAgainUntold(t *testing.T) {
	mutant := func(w *Waiter) bool { return w.hold.Load() == holdLet || w.Told() }
	_, failure := explore.Check(explore.Config{Preemptions: explore.Unbounded}, holds(mutant, holdAgain))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "ends a wait of the user's code")
}
