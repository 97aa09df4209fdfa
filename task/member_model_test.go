//go:build heddle_model

package task

import (
	"errors"
	"testing"

	"github.com/heddle-go/heddle/internal/explore"
	"github.com/heddle-go/heddle/internal/rt"
)

// drained models members of a group that end while the group's context does. A member that may be
// pooled serves a member of another group at once. That one must not be cancelled.
func drained(members int) func(*explore.Model) {
	return func(x *explore.Model) {
		g, other := &Group{}, &Group{}
		first, second := handle(new(rt.Task), 1), handle(new(rt.Task), 2)
		reused := 0
		for range members {
			h := &ctxMember{member: member{g: g}, task: first}
			g.running.Push(h)
			x.Thread("member", func() {
				if !h.delist() {
					return
				}
				h.g = other
				other.mu.Lock()
				h.task = second
				other.running.Push(h)
				other.mu.Unlock()
				reused++
			})
		}
		x.Thread("the context ends", func() {
			for ts := g.drain(nil, 1); len(ts) > 0; ts = g.drain(ts[:0], 1) {
				for _, t := range ts {
					if t != first {
						explore.Failf("the group cancels a member of another group")
					}
				}
			}
		})
		x.Check(func() error {
			if g.running.First != nil {
				return errors.New("a member is left in the list")
			}
			for h := other.running.First; h != nil; h = h.Next() {
				if reused--; h.task != second {
					return errors.New("another group has a member of this one")
				}
			}
			if reused != 0 {
				return errors.New("the other group has lost a member")
			}
			return nil
		})
	}
}

func TestModelDrain(t *testing.T) {
	explore.Run(t, explore.Config{Preemptions: 3}, drained(1))
	explore.Run(t, explore.Config{Preemptions: 2}, drained(2))
}
