package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A dispatch takes the stamp off the task even if the coarse clock has fallen since the task began
// to wait. (It falls by some milliseconds if two parties set it at the same time.)
func TestStampIsTakenWhenCoarseFalls(t *testing.T) {
	for back := range uint32(4) {
		for _, mode := range []LatencyMode{Sampled, Exact} {
			s := newScheduler(configOf(withWorkers(1), withLatencies(mode)))
			s.grow(1) // sysmon does not run yet, so only this test changes coarse
			root := s.Go(func(c *task.Ctx) {
				s.coarse.Store(1000)
				var stamped, resumed bool
				x := c.Go(func(c *task.Ctx) {
					_ = c.Park()
					resumed, stamped = true, (*rt.Life)(c).Task().Status().Stamped()
				})
				c.Yield() // x parks
				w := workerOf((*rt.Life)(c).Task())
				if mode == Sampled {
					w.gauge.due, w.notesReady = true, true
				}
				s.coarse.Store(1000 - back)
				c.Ready(x)
				assert.True(t, rt.Handle(x).Task().Status().Stamped(), "back %d, mode %d", back, mode)
				c.Yield()
				assert.True(t, resumed)
				assert.False(t, stamped, "back %d, mode %d", back, mode)
			})
			_ = root.Wait()
			s.mon.Start()
			s.Close()
		}
	}
}
