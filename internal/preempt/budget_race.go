//go:build race

package preempt

import "sync/atomic"

// The race detector does not accept accesses that may get lost: see the field budget.

// Poll takes one poll from the budget. It reports whether the unit should take the slow path,
// because it was asked to give way or the budget is spent. Poll inlines to a load, a decrement and
// a branch. Only the running unit may call it.
func (f *Flag) Poll() bool {
	return atomic.AddInt32(&f.budget, -1) < f.mark.Load()
}

func (f *Flag) setBudget(n int32) { atomic.StoreInt32(&f.budget, n) }

// Budget returns the rest of the last Grant. It is negative when overdrawn.
func (f *Flag) Budget() int32 { return atomic.LoadInt32(&f.budget) }
