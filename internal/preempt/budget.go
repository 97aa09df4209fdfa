//go:build !race

package preempt

// Poll takes one poll from the budget. It reports whether the unit should take the slow path,
// because it was asked to give way or the budget is spent. Poll inlines to a load, a decrement and
// a branch. Only the running unit may call it.
func (f *Flag) Poll() bool {
	f.budget--
	return f.budget < f.mark.Load()
}

func (f *Flag) setBudget(n int32) { f.budget = n }

// Budget returns the rest of the last Grant. It is negative when overdrawn.
func (f *Flag) Budget() int32 { return f.budget }
