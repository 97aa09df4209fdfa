package parallel

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/task"
)

// ReplaceClock replaces the clock of steps by now, which returns nanoseconds, until the test ends.
func ReplaceClock(t testing.TB, now func(c *task.Ctx) int64) {
	old := clock
	clock = func(c *task.Ctx) time.Duration { return time.Duration(now(c)) }
	t.Cleanup(func() { clock = old })
}

// Pace has the methods of pace.
type Pace struct{ p pace }

func NewPace() *Pace                            { return &Pace{pace{grain: 1}} }
func (p *Pace) Next(rest uint) int              { return p.p.next(rest) }
func (p *Pace) Adapt(n int, took time.Duration) { p.p.adapt(n, took) }
func (p *Pace) Grain() int                      { return p.p.grain }

const (
	ProbeAfter = probeAfter
	MaxStep    = maxStep
)
