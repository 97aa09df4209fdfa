//go:build race

package preempt

// In this build the accesses of budget are hidden from the race detector, because it would report
// those of a loop that polls the flag of another unit: see the field budget. Atomic accesses would
// hide races of the users' own memory, because the detector takes them as order between the units.

// Poll takes one poll from the budget. It reports whether the unit should take the slow path,
// because it was asked to give way or the budget is spent. Poll inlines to a load, a decrement and
// a branch. Only the running unit may call it.
func (f *Flag) Poll() bool { return f.spend() < f.mark.Load() }

//go:norace
func (f *Flag) spend() int32 {
	f.budget--
	return f.budget
}

//go:norace
func (f *Flag) setBudget(n int32) { f.budget = n }

// Budget returns what is left of the budget. It is negative if the unit has polled after the budget
// was spent.
//
//go:norace
func (f *Flag) Budget() int32 { return f.budget }
