package preempt

import "time"

// A Slice measures, on the worker itself, how long the present dispatch has been
// running, without reading a clock at each yield point: the clock is read when the
// [Flag]'s budget is spent, and the budget adapts to how long the work between two
// polls takes. The owner calls Begin at each dispatch and Spent each time the budget is
// spent.
//
// The zero Slice is ready for use.
type Slice struct {
	start int64 // first look at the clock in this dispatch; 0: none yet
	last  int64 // latest look
	grant int32 // what the latest look granted
}

// FirstBudget is the budget of a new dispatch. At 64 polls a look, the clock's ~25 to
// 40 ns stay around half a nanosecond a poll even for tasks that never run longer;
// BenchmarkCheckpoint shows the sum.
const FirstBudget = 64

// looks is the number of looks at the clock that a quantum aims at: the
// overrun is then about an eighth of the quantum.
const looks = 8

// Begin starts a new slice and grants the first budget.
func (s *Slice) Begin(f *Flag) {
	s.start, s.grant = 0, FirstBudget
	f.setBudget(FirstBudget)
}

// Spent is called when the budget is spent, with the present time in nanoseconds
// of any monotonic clock. It reports whether the quantum is over, and grants
// the next budget.
func (s *Slice) Spent(f *Flag, now int64, quantum time.Duration) (over bool) {
	if s.start == 0 {
		// The time before the first look is lost, 64 polls at most.
		s.start, s.last = now, now
		f.setBudget(s.grant)
		return false
	}
	step := max(1, now-s.last)
	aim := max(1, int64(quantum)/looks)
	// Grow at most twofold, since a cheap stretch of polls says little about the
	// next; shrink at once.
	g := int64(s.grant)
	s.grant = int32(max(1, min(g*aim/step, 2*g, maxBudget)))
	s.last = now
	f.setBudget(s.grant)
	return now-s.start >= int64(quantum)
}

// Age returns how long the dispatch has been running as far as it is known.
func (s *Slice) Age(now int64) time.Duration {
	if s.start == 0 {
		return 0
	}
	return time.Duration(now - s.start)
}
