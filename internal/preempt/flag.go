package preempt

import "github.com/heddle-go/heddle/internal/atomicx"

// A Flag is a word that a running unit polls at its yield points. A [Monitor], or any other
// goroutine, uses it to ask the unit to give way. The zero Flag holds no request and no budget.
//
// One poll answers two questions: was the unit asked to give way, and is it time to look at the
// clock? The second question exists because a monitor is an ordinary goroutine, which may not run
// for tens of milliseconds while every P computes. So units must notice by themselves that their
// slice is over; see [Slice].
type Flag struct {
	// mark is asked|id while dispatch id is asked to give way, and otherwise 0. The asking
	// goroutine writes it, and the running unit clears it in Asked.
	mark atomicx.Int32
	// budget is the number of polls until the next look at the clock. The running unit writes it. A
	// loop that polls another unit's flag by mistake writes it too. Then that unit looks at the
	// clock earlier or later, which does no other harm. budget and mark share a cache line, because
	// each poll reads both.
	budget int32
}

// asked is added to a dispatch's number to form a mark. It makes every mark larger than every
// budget.
const asked = 1 << 30

// MaxID is the largest dispatch number that a mark can name. Larger numbers are taken modulo
// MaxID+1.
const MaxID = 1<<20 - 1

// maxBudget is the largest budget. It is less than every mark.
const maxBudget = 1 << 20

// Ask asks dispatch id of the unit to give way; only the lower 20 bits of id count. If the unit has
// begun another dispatch by now, the next slow path discards the mark, so a mark never costs the
// wrong dispatch its turn. Any goroutine may call Ask.
func (f *Flag) Ask(id uint32) { f.mark.Store(asked | int32(id&MaxID)) }

// Asked reports whether dispatch id was asked to give way, and clears the mark, even if it was
// meant for another dispatch. Only the running unit may call it.
func (f *Flag) Asked(id uint32) bool {
	m := f.mark.Load()
	if m == 0 {
		return false
	}
	// A mark for this dispatch that arrives between the load and the store is lost. The monitor
	// asks again at its next tick.
	f.mark.Store(0)
	return m == asked|int32(id&MaxID)
}

// Marked reports whether the flag holds a mark, for this dispatch or another. It costs one load.
// Unlike Poll it takes nothing from the budget, so a loop whose steps take a nanosecond can call it
// after each step. Only the running unit may call it.
func (f *Flag) Marked() bool { return f.mark.Load() != 0 }

// Stow stores n in place of a budget while the unit does not run. Budget returns n until the next
// Begin of the unit's Slice sets a budget. Only the party that owns the unit, and will run it or
// pass it on, may call Stow.
func (f *Flag) Stow(n int32) { f.setBudget(n) }

// Grant sets the budget: the number of polls until the next slow path. n must be positive; values
// above 2^20 are cut to that. Only the running unit, or the goroutine that is about to run it, may
// call Grant.
func (f *Flag) Grant(n int32) { f.setBudget(min(n, maxBudget)) }
