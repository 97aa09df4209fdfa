package preempt

import (
	"time"

	"github.com/heddle-go/heddle/internal/preempt"
)

// A Slice measures, on the worker itself, how long the present dispatch has been
// running, without reading a clock at each yield point: the clock is read when the
// [Flag]'s budget is spent, and the budget adapts to how long the work between two
// polls takes. The owner calls Begin at each dispatch and Spent each time the budget is
// spent.
//
// The zero Slice is ready for use.
type Slice preempt.Slice

func (s *Slice) in() *preempt.Slice { return (*preempt.Slice)(s) }

// Begin starts a new slice and grants the first budget, 64 polls.
func (s *Slice) Begin(f *Flag) { s.in().Begin(f.in()) }

// Spent is called when the budget is spent, with the present time in nanoseconds
// of any monotonic clock. It reports whether the quantum is over, and grants
// the next budget.
func (s *Slice) Spent(f *Flag, now int64, quantum time.Duration) (over bool) {
	return s.in().Spent(f.in(), now, quantum)
}

// Age returns how long the dispatch has been running as far as it is known: since the first call of Spent.
func (s *Slice) Age(now int64) time.Duration { return s.in().Age(now) }
