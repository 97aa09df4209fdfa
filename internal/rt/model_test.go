//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/explore"
)

// parks models a task that has left its stack and parks, and wakers that race with its successor.
// queued counts how often the task was queued. A task that is neither waiting nor queued is lost,
// and one that is queued twice would be resumed twice.
func parks(k Park, commit func(d *Task, k Park) bool, wakers ...func(d *Task) bool) func(*explore.Model) {
	return func(m *explore.Model) {
		d := fresh(1<<32 - 1)
		queued := 0
		m.Thread("successor", func() {
			if !commit(d, k) {
				queued++
			}
		})
		for i, wake := range wakers {
			m.Thread(fmt.Sprint("waker", i), func() {
				if wake(d) {
					queued++
				}
			})
		}
		m.Check(func() error {
			waiting := d.Status().State() == Waiting
			if queued > 1 {
				return fmt.Errorf("queued %d times", queued)
			}
			if waiting && queued == 1 {
				return fmt.Errorf("queued, but still waiting")
			}
			if queued == 0 {
				return fmt.Errorf("the wake-up is lost")
			}
			return nil
		})
	}
}

func ready(d *Task) bool  { return d.Ready(d.Gen()) }
func wake(d *Task) bool   { return d.Wake() }
func cancel(d *Task) bool { _, q := d.Cancel(d.Gen(), Default); return q }

// readyTwice is what callers do.
func readyTwice(d *Task) bool { return d.ReadyWaiting(d.Gen()) || d.Ready(d.Gen()) }

func commit(d *Task, k Park) bool { return d.CommitPark(k) }

// The commit after the switch races with each combination of wake-ups, under all schedules.
func TestModelCommit(t *testing.T) {
	all := explore.Config{Preemptions: explore.Unbounded}
	explore.Run(t, all, parks(ForReady, commit, ready))
	explore.Run(t, all, parks(ForReady, commit, readyTwice))
	explore.Run(t, all, parks(ForReady, commit, cancel))
	some := explore.Config{Preemptions: 3}
	explore.Run(t, some, parks(ForReady, commit, readyTwice, cancel))
	explore.Run(t, some, parks(ForReady, commit, readyTwice, readyTwice))
	if testing.Short() {
		all.Preemptions = 3 // the rest takes half a minute with all of them
	}
	explore.Run(t, all, parks(ForReady, commit, ready, cancel))
	explore.Run(t, all, parks(ForReady, commit, ready, ready))
	explore.Run(t, all, parks(ForWake, commit, wake))
	explore.Run(t, all, parks(ForWake, commit, wake, cancel))
	explore.Run(t, all, parks(ForWakeOnly, commit, wake, cancel))
	explore.Run(t, all, parks(ForWakeOnly, commit, wake, ready))
}

// A successor that looks for the event and then stores, without a CAS, loses a wake-up. The
// explorer must see it.
func TestModelCommitWithoutCAS(t *testing.T) {
	mutant := func(d *Task, k Park) bool {
		s := d.status.Load()
		if s&(uint64(k)&flagEvents|flagCancelled) != 0 {
			return false
		}
		d.status.Store(s - stActive + stWaiting)
		return true
	}
	_, failure := explore.Check(explore.Config{Preemptions: 2}, parks(ForReady, mutant, ready))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "lost")
}

// A successor that makes the task wait before it looks for the event lets it be woken twice.
func TestModelCommitThatLooksLate(t *testing.T) {
	mutant := func(d *Task, k Park) bool {
		d.status.Add(stWaiting - stActive)
		return d.status.Load()&(uint64(k)&flagEvents|flagCancelled) == 0
	}
	_, failure := explore.Check(explore.Config{Preemptions: 2}, parks(ForReady, mutant, cancel))
	require.NotNil(t, failure)
}

// tells models a task that parks while one thread cancels it and another wakes it. After each park
// the task asks Woken which it was: Woken must be false unless the Wake has been given. At the end
// it must have been true once.
func tells(commit func(d *Task, k Park) bool) func(*explore.Model) {
	return func(m *explore.Model) {
		d := fresh(0)
		queued, given, seen := 0, false, 0
		park := func(k Park) {
			if !commit(d, k) {
				queued++
			}
			explore.Block("parked", func() bool { return queued > 0 })
			queued--
			if d.Woken() {
				seen++
				if !given {
					explore.Failf("a Wake was seen that nobody had given")
				}
			}
		}
		m.Thread("task", func() {
			for k := ForWake; seen == 0; k = ForWakeOnly {
				park(k)
			}
		})
		m.Thread("waker", func() {
			given = true
			if d.Wake() {
				queued++
			}
		})
		m.Thread("canceller", func() {
			if cancel(d) {
				queued++
			}
		})
		m.Check(func() error {
			if seen != 1 || queued != 0 {
				return fmt.Errorf("%d Wakes seen, %d times queued too often", seen, queued)
			}
			return nil
		})
	}
}

func TestModelWoken(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 4}, tells(commit))
}

// If a successor finds the task cancelled and leaves the word as it is, Woken takes the
// cancellation for a Wake.
func TestModelWokenByCancel(t *testing.T) {
	mutant := func(d *Task, k Park) bool {
		if s := d.status.Load(); Status(s).Cancelled() && k&flagHard == 0 && s&flagWoken == 0 {
			return false
		}
		return d.CommitPark(k)
	}
	_, failure := explore.Check(explore.Config{Preemptions: 2}, tells(mutant))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "nobody had given")
}

// awaits models two waiters that register while end ends the task. One of them may give up.
func awaits(register func(d *Task, w *Waiter, gen uint32) bool, end func(d *Task) *Waiter) func(*explore.Model) {
	return func(m *explore.Model) {
		d := fresh(0)
		var w [2]*Waiter
		var owed, woken [2]bool
		for i := range w {
			w[i] = &Waiter{}
			m.Thread(fmt.Sprint("waiter", i), func() {
				owed[i] = register(d, w[i], 0)
				if i == 1 && owed[i] && w[i].Abandon() {
					owed[i] = false
				}
			})
		}
		m.Thread("finisher", func() {
			for x := end(d); x != nil; {
				next := x.next
				if x.Claim() {
					for i := range w {
						if w[i] == x {
							woken[i] = true
						}
					}
				}
				x = next
			}
		})
		m.Check(func() error {
			for i := range w {
				if owed[i] != woken[i] {
					return fmt.Errorf("waiter %d: wake-up owed %v, given %v", i, owed[i], woken[i])
				}
			}
			return nil
		})
	}
}

func finish(d *Task) *Waiter {
	w, _ := d.Finish(Returned)
	return w
}

// finishPlain ends the task in the short way.
func finishPlain(d *Task) *Waiter {
	if !d.FinishPlain() {
		explore.Failf("not ended")
	}
	return d.TakeWaiters()
}

// renew ends the task and begins another life of its descriptor.
func renew(d *Task) *Waiter {
	if !d.Renew() {
		explore.Failf("not renewed")
	}
	return d.TakeWaiters()
}

func TestModelAwait(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 4}, awaits((*Task).Await, finish))
	explore.Run(t, explore.Config{Preemptions: 4}, awaits((*Task).Await, finishPlain))
	explore.Run(t, explore.Config{Preemptions: 4}, awaits((*Task).Await, renew))
}

// A waiter that checks whether the task has ended before it registers, and not after, waits for
// ever.
func TestModelAwaitThatLooksFirst(t *testing.T) {
	mutant := func(d *Task, w *Waiter, gen uint32) bool {
		if !d.Status().Live(gen) {
			return false
		}
		for {
			h := d.waiters.Load()
			w.next = h
			if d.waiters.CompareAndSwap(h, w) {
				return true
			}
		}
	}
	_, failure := explore.Check(explore.Config{Preemptions: 2}, awaits(mutant, finish))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "owed true, given false")
}
