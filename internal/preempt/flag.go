package preempt

import "github.com/heddle-go/heddle/internal/atomicx"

// A Flag is the word that a running unit polls at its yield points, and that
// a [Monitor] (or another caller) uses to ask it to give way. The zero Flag asks
// for nothing and has no budget.
//
// It answers two questions with one load and one comparison: was the unit
// asked to give way, and is it time to look at the clock? The second exists
// because a monitor is an ordinary goroutine: with every P computing it may not run
// for tens of milliseconds, so the units must notice by themselves that their slice
// is over. See [Slice].
type Flag struct {
	// mark is 0, or asked|id while dispatch id is asked to give way.
	// Written by the asking thread, cleared by the owner in Asked.
	mark atomicx.Int32
	// budget is the number of polls until the next look at the clock. Written by the owner. A loop that polls
	// another unit's flag writes it as well, which makes that unit look at the clock earlier or later, and does no other harm.
	// It shares a cache line, and the instruction that reads it, with mark.
	budget int32
}

// asked is added to a dispatch's number in a mark, which makes the mark
// larger than any budget.
const asked = 1 << 30

// MaxID is the largest dispatch number that a mark can name. Larger numbers
// are taken modulo MaxID+1.
const MaxID = 1<<20 - 1

// maxBudget keeps budgets below any mark.
const maxBudget = 1 << 20

// Ask asks dispatch id of the unit to give way. If the unit has moved on to
// another dispatch, the mark is discarded at that one's next slow path, so it never
// costs the wrong dispatch its turn. Any goroutine may call it.
func (f *Flag) Ask(id uint32) { f.mark.Store(asked | int32(id&MaxID)) }

// Asked reports whether dispatch id was asked to give way, and clears the mark,
// also one that was meant for another dispatch. Only the running unit may call it.
func (f *Flag) Asked(id uint32) bool {
	m := f.mark.Load()
	if m == 0 {
		return false
	}
	// A mark for this dispatch that lands between the load and the store is
	// lost; the monitor asks again at its next tick.
	f.mark.Store(0)
	return m == asked|int32(id&MaxID)
}

// Marked reports whether there is a mark, for this dispatch or another. Unlike Poll it charges nothing, so a loop
// can ask after each step of a nanosecond: one load. Only the running unit may call it.
func (f *Flag) Marked() bool { return f.mark.Load() != 0 }

// Grant sets the budget: the number of polls until the next slow path. n must be
// positive; it is cut at 2^20. Only the running unit, or the thread that is about to run
// it, may call it.
func (f *Flag) Grant(n int32) { f.setBudget(min(n, maxBudget)) }
