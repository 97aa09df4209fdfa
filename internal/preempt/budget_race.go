//go:build race

package preempt

import "sync/atomic"

// In this build the accesses of budget are atomic, because the race detector reports the plain ones
// of a loop that polls the flag of another unit: see the field budget.

// Poll takes one poll from the budget. It reports whether the unit should take the slow path,
// because it was asked to give way or the budget is spent. Poll inlines to a load, a decrement and
// a branch. Only the running unit may call it.
func (f *Flag) Poll() bool {
	return atomic.AddInt32(&f.budget, -1) < f.mark.Load()
}

func (f *Flag) setBudget(n int32) { atomic.StoreInt32(&f.budget, n) }

// Budget returns what is left of the budget. It is negative if the unit has polled after the budget
// was spent.
func (f *Flag) Budget() int32 { return atomic.LoadInt32(&f.budget) }
