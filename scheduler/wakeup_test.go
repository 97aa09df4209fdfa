package scheduler_test

import (
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/task"
)

// One ball per pair is thrown between two tasks that park, from many pairs at once, so that a
// Ready keeps meeting a Park that is about to commit.
func TestPingPongLosesNoWakeUp(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		const pairs = 50
		rounds := scale(4_000)
		s := open(t, n)
		var ts []task.Task
		for range pairs {
			var a, b task.Task
			turn := new(atomic.Int32)
			player := func(me int32, other *task.Task) func(c *task.Ctx) {
				return func(c *task.Ctx) {
					if err := c.Park(); err != nil { // until both handles are set
						panic(err)
					}
					for i := range rounds {
						for turn.Load() != me {
							if err := c.Park(); err != nil {
								panic(err)
							}
						}
						turn.Store(1 - me)
						if i%3 == 0 {
							other.Ready()
						} else {
							c.Ready(*other)
						}
					}
				}
			}
			a = s.Go(player(0, &b))
			b = s.Go(player(1, &a))
			ts = append(ts, a, b)
		}
		for _, x := range ts {
			x.Ready()
		}
		finish(t, "ping-pong", func() { waitAll(t, ts) })
	})
}
