//go:build race

package preempt

import "sync/atomic"

// The race detector knows nothing of accesses that may get lost: see the field budget.

// Poll charges one unit of budget and reports whether there is a reason to
// take the slow path: somebody asked, or the budget is spent. It inlines; it costs a
// load, a decrement and a branch. Only the running unit may call it.
func (f *Flag) Poll() bool {
	return atomic.AddInt32(&f.budget, -1) < f.mark.Load()
}

func (f *Flag) setBudget(n int32) { atomic.StoreInt32(&f.budget, n) }

// Budget returns what is left of the last Grant; negative when overdrawn.
func (f *Flag) Budget() int32 { return atomic.LoadInt32(&f.budget) }
