package preempt

import (
	"time"

	"github.com/heddle-go/heddle/internal/preempt"
)

// A Slice measures how long the present dispatch has been running, on the goroutine that runs it
// and without reading a clock at each yield point. The clock is read only when the budget of the
// [Flag] is spent, and the budget adapts to the length of the work between two polls. The goroutine
// that runs the unit calls Begin at each dispatch, and Spent each time that the budget is spent.
// Other goroutines must not use the Slice.
//
// The zero Slice is ready for use.
type Slice innerSlice

// innerSlice is what a Slice is inside. The alias keeps the name of an internal type out of the documentation.
type innerSlice = preempt.Slice

func (s *Slice) in() *preempt.Slice { return (*preempt.Slice)(s) }

// Begin starts a new slice and grants the first budget of 64 polls.
func (s *Slice) Begin(f *Flag) { s.in().Begin(f.in()) }

// Spent must be called when the budget is spent. now is the present time in nanoseconds of any
// monotonic clock. Spent reports whether the quantum is over, and grants the next budget.
func (s *Slice) Spent(f *Flag, now int64, quantum time.Duration) (over bool) {
	return s.in().Spent(f.in(), now, quantum)
}

// Age returns how long the dispatch has been running, counted from the first call of Spent.
func (s *Slice) Age(now int64) time.Duration { return s.in().Age(now) }
