package preempt

import "github.com/heddle-go/heddle/internal/preempt"

// A Flag is the word that a running unit polls at its yield points, and that
// a [Monitor], or any other goroutine, uses to ask it to give way. The zero Flag asks
// for nothing and has no budget.
//
// It answers two questions with one load and one comparison: was the unit
// asked to give way, and is it time to look at the clock? The second exists
// because a monitor is an ordinary goroutine: with every P computing it may not run
// for tens of milliseconds, so the units must notice by themselves that their slice
// is over. See [Slice].
type Flag preempt.Flag

func (f *Flag) in() *preempt.Flag { return (*preempt.Flag)(f) }

// Ask asks dispatch id of the unit to give way; of id the lower 20 bits count. If the unit has moved on to
// another dispatch, the mark is discarded at that one's next slow path, so it never
// costs the wrong dispatch its turn. Any goroutine may call it.
func (f *Flag) Ask(id uint32) { f.in().Ask(id) }

// Asked reports whether dispatch id was asked to give way, and clears the mark,
// also one that was meant for another dispatch. Only the running unit may call it.
func (f *Flag) Asked(id uint32) bool { return f.in().Asked(id) }

// Grant sets the budget: the number of polls until the next slow path. n must be
// positive; it is cut at 2^20. Only the running unit, or the goroutine that is about to run
// it, may call it. A [Slice] grants budgets by itself.
func (f *Flag) Grant(n int32) { f.in().Grant(n) }

// Poll charges one unit of budget and reports whether there is a reason to
// take the slow path: the unit was asked, or the budget is spent. It inlines; it costs a
// load, a decrement and a branch. Only the running unit may call it.
func (f *Flag) Poll() bool { return f.in().Poll() }
