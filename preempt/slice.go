package preempt

import (
	"time"

	"github.com/heddle-go/heddle/internal/preempt"
)

// A Slice measures how long the present dispatch has been running, without a look at the clock at
// each yield point. The caller reads the clock only when the budget of the [Flag] is spent, and the
// Slice adapts the budget to the length of the work between two polls. The goroutine that runs the
// unit calls Begin at each dispatch, and Spent each time that the budget is spent. Other goroutines
// must not use the Slice.
//
// The zero Slice is ready for use.
type Slice innerSlice

// innerSlice is the type beneath a Slice. The alias keeps the name of an internal type out of go
// doc.
type innerSlice = preempt.Slice

func (s *Slice) in() *preempt.Slice { return (*preempt.Slice)(s) }

// Begin starts a new slice and grants the first budget of 64 polls.
func (s *Slice) Begin(f *Flag) { s.in().Begin(f.in()) }

// Spent reports whether the quantum is over, and grants the next budget. The caller must call it
// each time that the budget is spent. now is the present time in nanoseconds, of any monotonic
// clock.
func (s *Slice) Spent(f *Flag, now int64, quantum time.Duration) (over bool) {
	return s.in().Spent(f.in(), now, quantum)
}

// Age returns how long the dispatch has been running since its first call of Spent, or 0 if there
// was none.
func (s *Slice) Age(now int64) time.Duration { return s.in().Age(now) }
