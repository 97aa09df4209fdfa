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

// Budget returns what is left of the budget. It is negative if the unit has polled after the budget
// was spent.
func (f *Flag) Budget() int32 { return f.budget }
