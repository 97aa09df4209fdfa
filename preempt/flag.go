package preempt

import "github.com/heddle-go/heddle/internal/preempt"

// A Flag is a word that a running unit polls at its yield points. A [Monitor], or any other
// goroutine, uses it to ask the unit to give way. The zero Flag holds no request and no budget.
//
// One poll answers two questions: was the unit asked to give way, and is it time to look at the
// clock? The second question exists because a monitor is an ordinary goroutine, which may not run
// for tens of milliseconds while every processor computes. So units must notice by themselves that
// their slice is over; see [Slice].
type Flag innerFlag

// innerFlag is the type beneath a Flag. The alias keeps the name of an internal type out of go doc.
type innerFlag = preempt.Flag

func (f *Flag) in() *preempt.Flag { return (*preempt.Flag)(f) }

// Ask asks dispatch id of the unit to give way; only the lower 20 bits of id count. If the unit has
// begun another dispatch by now, the next slow path discards the mark, so a mark never costs the
// wrong dispatch its turn. Any goroutine may call Ask.
func (f *Flag) Ask(id uint32) { f.in().Ask(id) }

// Asked reports whether dispatch id was asked to give way, and clears the mark, even if it was
// meant for another dispatch. Only the running unit may call it.
func (f *Flag) Asked(id uint32) bool { return f.in().Asked(id) }

// Grant sets the budget: the number of polls until the next slow path. n must be positive; values
// above 2^20 are cut to that. Only the running unit, or the goroutine that is about to run it, may
// call Grant. A [Slice] grants budgets by itself.
func (f *Flag) Grant(n int32) { f.in().Grant(n) }

// Poll takes one poll from the budget. It reports whether the unit should take the slow path,
// because it was asked to give way or the budget is spent. Poll inlines to a load, a decrement and
// a branch. Only the running unit may call it.
func (f *Flag) Poll() bool { return f.in().Poll() }
