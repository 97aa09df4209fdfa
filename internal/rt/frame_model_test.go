//go:build heddle_model

package rt

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/explore"
)

// alone is the host of a worker that has no other worker to wake.
type alone struct{ Host }

func (alone) WakeThief() {}

// forks models a parent and some thieves. The parent forks two calls on worker 0, exposes as many
// as a thief asks for, and joins in reverse order, as package parallel does. If migrates is set,
// the parent leaves worker 0 after forking, which exposes everything, and joins from worker 1,
// whose deque is empty. A call that the parent took back from the private tail is forked once more,
// in the frame that lies there, while thieves may still look at it.
//
// The model checks that each call is made exactly once and that the parent never waits for a
// wake-up that does not come.
func forks(thieves int, migrates bool, claim func(f *Frame) bool, await func(f *Frame) bool) func(*explore.Model) {
	return func(m *explore.Model) {
		d := fresh(0)
		var w [2]Worker
		for i := range w {
			w[i].Host = alone{}
		}
		for i := range w {
			w[i].Forks.Init(deque.LIFO, 2)
		}
		frames := [2]*Frame{{}, {}}
		made := map[*Frame]int{}
		woken := map[*Frame]bool{}
		again := map[*Frame]bool{}
		m.Thread("parent", func() {
			for _, f := range frames {
				if !w[0].Forks.TryPushPrivate(f) {
					w[0].PushFrame(d, f)
				}
			}
			at := &w[0]
			if migrates {
				at.Expose(d)
				at = &w[1]
			}
			for i := len(frames) - 1; i >= 0; i-- {
				f := frames[i]
				if at.Forks.TakeBackIf(f) {
					if at.Forks.Leftover() == f && !again[f] {
						again[f] = true
						if !at.Forks.PushLeftover() {
							at.PushFrame(d, f)
						}
						i++
						continue
					}
					made[f]++
				} else if ok, _ := at.Take(d, f); ok {
					made[f]++
				} else if await(f) {
					explore.Block("woken", func() bool { return woken[f] })
				}
			}
		})
		for i := range thieves {
			m.Thread(fmt.Sprint("thief", i), func() {
				for range 3 {
					f, out := w[0].Forks.Thief().Steal()
					if out != deque.Stolen || !claim(f) {
						continue
					}
					made[f]++
					if f.Finish() {
						woken[f] = true
					}
				}
			})
		}
		m.Check(func() error {
			for i, f := range frames {
				if made[f] != 1 {
					return fmt.Errorf("call %d was made %d times", i, made[f])
				}
			}
			if n := d.Exposed(); n != 0 {
				return fmt.Errorf("%d joined calls are still noted", n)
			}
			return nil
		})
	}
}

func TestModelForks(t *testing.T) {
	c := explore.Config{Preemptions: 3}
	explore.Run(t, c, forks(1, false, (*Frame).Claim, (*Frame).Await))
	explore.Run(t, c, forks(1, true, (*Frame).Claim, (*Frame).Await))
	c.Preemptions = 2
	explore.Run(t, c, forks(2, false, (*Frame).Claim, (*Frame).Await))
	explore.Run(t, c, forks(2, true, (*Frame).Claim, (*Frame).Await))
}

// A thief that takes a frame from the deque without claiming it makes a call that the migrated
// parent makes too.
func TestModelThiefWithoutClaim(t *testing.T) {
	mutant := func(f *Frame) bool {
		f.state.Store(frClaimed)
		return true
	}
	_, failure := explore.Check(explore.Config{Preemptions: 2}, forks(1, true, mutant, (*Frame).Await))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "made 2 times")
}

// A parent that checks whether the call is done, and then announces itself without a CAS, waits for
// ever.
func TestModelAwaitWithoutCAS(t *testing.T) {
	mutant := func(f *Frame) bool {
		if f.state.Load() == frDone {
			return false
		}
		f.state.Store(frWaiting)
		return true
	}
	_, failure := explore.Check(explore.Config{Preemptions: 3}, forks(1, true, (*Frame).Claim, mutant))
	require.NotNil(t, failure)
	require.Contains(t, failure.Message, "blocked for ever")
}
