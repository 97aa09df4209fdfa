//go:build heddle_model

package task

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/explore"
)

// counts models how a group uses its memberCount. There are members that leave, the first of which
// adds another member before it leaves, and waiters. No waiter may go on while a member is left,
// and none may wait for ever.
func counts(members, waiters int, leave func(h *memberCount) bool, watch func(h *memberCount)) func(*explore.Model) {
	return func(m *explore.Model) {
		h := new(memberCount)
		var mu atomicx.Mutex
		queued, woken := 0, 0
		gone := 0
		end := func() {
			gone++
			if !leave(h) {
				return
			}
			mu.Lock()
			if h.none() {
				h.unwatch()
				woken += queued
				queued = 0
			}
			mu.Unlock()
		}
		for range members {
			h.enter()
		}
		for i := range members {
			m.Thread(fmt.Sprint("member", i), func() {
				if i == 0 {
					h.enter()
					end()
				}
				end()
			})
		}
		for i := range waiters {
			m.Thread(fmt.Sprint("waiter", i), func() {
				mu.Lock()
				watch(h)
				if h.none() {
					if queued == 0 {
						h.unwatch()
					}
					mu.Unlock()
				} else {
					queued++
					mu.Unlock()
					explore.Block("woken", func() bool { return woken > 0 })
					woken--
				}
				if gone != members+1 {
					explore.Failf("a waiter goes on after %d of %d ends", gone, members+1)
				}
			})
		}
		m.Check(func() error {
			if queued != 0 || woken != 0 {
				return fmt.Errorf("%d queued, %d woken", queued, woken)
			}
			return nil
		})
	}
}

func TestModelHeadcount(t *testing.T) {
	c := explore.Config{Preemptions: 3}
	explore.Run(t, c, counts(1, 1, (*memberCount).leave, (*memberCount).watch))
	explore.Run(t, c, counts(2, 1, (*memberCount).leave, (*memberCount).watch))
	c.Preemptions = 2
	explore.Run(t, c, counts(2, 2, (*memberCount).leave, (*memberCount).watch))
	explore.Run(t, c, counts(3, 1, (*memberCount).leave, (*memberCount).watch))
}

// comesAndGoes models a member that stays while another member enters and leaves.
func comesAndGoes(none func(h *memberCount) bool) func(*explore.Model) {
	return func(m *explore.Model) {
		h := new(memberCount)
		h.enter()
		m.Thread("another", func() {
			h.enter()
			h.leave()
		})
		m.Thread("looks", func() {
			if none(h) {
				explore.Failf("taken for nobody")
			}
		})
	}
}

// If in were loaded before out, one member that stays and one that enters and leaves would look
// like no members.
func TestModelHeadcountOrder(t *testing.T) {
	c := explore.Config{Preemptions: 3}
	explore.Run(t, c, comesAndGoes((*memberCount).none))
	_, failure := explore.Check(c, comesAndGoes(func(h *memberCount) bool {
		in := h.in.Load()
		return h.out.Load()>>1 == in
	}))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "taken for nobody")
}

// A waiter that skips Count-A1 waits for ever.
func TestModelHeadcountUnwatched(t *testing.T) {
	c := explore.Config{Preemptions: 2}
	_, failure := explore.Check(c, counts(1, 1, (*memberCount).leave, func(*memberCount) {}))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "blocked for ever")
}
