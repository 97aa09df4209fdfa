//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

// claimSteps are the production steps, or a mutant's replacements.
type claimSteps struct {
	claim  func(d *Task, gen uint32) bool
	taken  func(d *Task) (ok, pool bool)
	finish func(d *Task) (w *Waiter, pool bool)
}

func realClaim() claimSteps {
	return claimSteps{(*Task).Claim, (*Task).Taken, func(d *Task) (*Waiter, bool) { return d.Finish(Returned) }}
}

// claims models a descriptor with one entry in a queue, takers that take entries, and waiters for
// the task's end that may claim it. From the pool the descriptor comes back for a second life, with
// a new entry. If suspends is set, the party that has the task first suspends it, which queues it
// again, and ends it the next time.
//
// The model checks that each life begins, ends and is pooled exactly once, that no entry is left
// over, and that a waiter is woken only after its life has ended.
func claims(steps claimSteps, takers, waiters int, suspends bool) func(*explore.Model) {
	return func(m *explore.Model) {
		d := &Task{}
		d.Init(&Worker{})
		const lives = 2
		var (
			entries, pooled int
			life            = -1
			began, ended    [lives]int
			suspended       [lives]bool
			has             int // number of parties that have the task
		)
		start := func() {
			life++
			d.Spawned("fn", nil)
			entries++
		}
		pool := func() {
			if pooled++; pooled > life+1 {
				explore.Failf("pooled %d times in %d lives", pooled, life+1)
			}
			if pooled < lives {
				start()
			}
		}
		own, woken := make(map[*Waiter]int), make(map[*Waiter]bool)
		run := func() {
			if has++; has > 1 {
				explore.Failf("two parties have the task")
			}
			now := life
			if !suspended[now] {
				began[now]++
			}
			explore.Block("runs", func() bool { return true }) // other threads may move here
			if life != now {
				explore.Failf("the descriptor serves another life while the task runs")
			}
			if suspends && !suspended[life] {
				suspended[life] = true
				has--
				entries++
				return
			}
			ended[life]++
			has--
			w, free := steps.finish(d)
			for w != nil {
				next := w.next
				if w.Claim() {
					if ended[own[w]] == 0 {
						explore.Failf("a waiter for life %d was woken before that had ended", own[w])
					}
					woken[w] = true
				}
				w = next
			}
			if free {
				pool()
			}
		}
		start()
		for i := range waiters {
			m.Thread(fmt.Sprint("waiter", i), func() {
				gen, now := d.Gen(), life
				w := &Waiter{}
				own[w] = now
				if !d.Await(w, gen) {
					return
				}
				if steps.claim(d, gen) {
					run()
				}
				explore.Block("parked", func() bool { return woken[w] })
			})
		}
		for i := range takers {
			m.Thread(fmt.Sprint("taker", i), func() {
				for {
					explore.Block("entry", func() bool { return entries > 0 || ended[lives-1] > 0 })
					if entries == 0 {
						return
					}
					entries--
					ok, free := steps.taken(d)
					if free {
						pool()
					}
					if ok {
						run()
					}
				}
			})
		}
		m.Check(func() error {
			if entries != 0 {
				return fmt.Errorf("%d entries are left", entries)
			}
			for i := range lives {
				if began[i] != 1 || ended[i] != 1 {
					return fmt.Errorf("life %d began %d times and ended %d times", i, began[i], ended[i])
				}
			}
			if pooled != lives {
				return fmt.Errorf("pooled %d times", pooled)
			}
			return nil
		})
	}
}

// Waiters claim a task that has not begun while workers take its entry. The task may suspend before
// it ends. The explorer runs all schedules with a few preemptions.
func TestModelClaim(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, claims(realClaim(), 1, 1, false))
	explore.Run(t, explore.Config{Preemptions: 3}, claims(realClaim(), 1, 1, true))
	explore.Run(t, explore.Config{Preemptions: 2}, claims(realClaim(), 2, 1, false))
	explore.Run(t, explore.Config{Preemptions: 2}, claims(realClaim(), 2, 1, true))
	explore.Run(t, explore.Config{Preemptions: 2}, claims(realClaim(), 2, 2, false))
}

// A finisher that makes the descriptor Free at once takes the waiters of the next life.
func TestModelClaimFreedAtOnce(t *testing.T) {
	mutant := realClaim()
	mutant.finish = func(d *Task) (*Waiter, bool) {
		for {
			s := d.status.Load()
			if d.status.CompareAndSwap(s, (s+genOne)&genMask|stFree|s&flagStale) {
				return d.takeWaiters(), s&flagStale == 0
			}
		}
	}
	_, failure := explore.Check(explore.Config{Preemptions: 4}, claims(mutant, 1, 2, false))
	require.NotNil(t, failure)
}

// A taker that does not check for a claim runs the task that a waiter runs.
func TestModelClaimUnseen(t *testing.T) {
	mutant := realClaim()
	mutant.taken = func(d *Task) (bool, bool) {
		if d.Status().Begun() {
			return true, false
		}
		d.status.Store(d.status.Load() &^ (flagFresh | flagStale))
		return true, false
	}
	_, failure := explore.Check(explore.Config{Preemptions: 2}, claims(mutant, 1, 1, false))
	require.NotNil(t, failure)
}
