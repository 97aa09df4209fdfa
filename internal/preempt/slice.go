package preempt

import "time"

// A Slice measures how long the present dispatch has been running, without a look at the clock at
// each yield point. The caller reads the clock only when the budget of the [Flag] is spent, and the
// Slice adapts the budget to the length of the work between two polls. The goroutine that runs the
// unit calls Begin at each dispatch, and Spent each time that the budget is spent. Other goroutines
// must not use the Slice.
//
// The zero Slice is ready for use.
type Slice struct {
	start int64 // the first look at the clock in this dispatch, or 0
	last  int64 // the latest look at the clock
	grant int32 // the budget that the latest look granted
}

// FirstBudget is the budget of a new dispatch. To read the clock takes about 25 to 40 ns. With one
// look in 64 polls, that is about half a nanosecond for each poll, even in dispatches that end
// before the budget grows. BenchmarkCheckpoint shows the cost of a poll together with its share of
// the look.
const FirstBudget = 64

// clockReads is how many times in a quantum Spent aims to read the clock. A dispatch then
// overruns its quantum by at most about an eighth.
const clockReads = 8

// Begin starts a new slice and grants the first budget.
func (s *Slice) Begin(f *Flag) {
	s.start, s.grant = 0, FirstBudget
	f.setBudget(FirstBudget)
}

// Spent reports whether the quantum is over, and grants the next budget. The caller must call it
// each time that the budget is spent. now is the present time in nanoseconds, of any monotonic
// clock.
func (s *Slice) Spent(f *Flag, now int64, quantum time.Duration) (over bool) {
	if s.start == 0 {
		// The time before the first look is not counted. It lasts at most 64 polls.
		s.start, s.last = now, now
		f.setBudget(s.grant)
		return false
	}
	step := max(1, now-s.last)
	aim := max(1, int64(quantum)/clockReads)
	// The budget at most doubles from one look to the next, because a stretch of cheap polls says
	// little about the polls after it. It may shrink to any value at once.
	g := int64(s.grant)
	s.grant = int32(max(1, min(g*aim/step, 2*g, maxBudget)))
	s.last = now
	f.setBudget(s.grant)
	return now-s.start >= int64(quantum)
}

// Age returns how long the dispatch has been running since its first call of Spent, or 0 if there
// was none.
func (s *Slice) Age(now int64) time.Duration {
	if s.start == 0 {
		return 0
	}
	return time.Duration(now - s.start)
}
