//go:build !race

package preempt

// Poll charges one unit of budget and reports whether there is a reason to
// take the slow path: somebody asked, or the budget is spent. It inlines; it costs a
// load, a decrement and a branch. Only the running unit may call it.
func (f *Flag) Poll() bool {
	f.budget--
	return f.budget < f.mark.Load()
}

func (f *Flag) setBudget(n int32) { f.budget = n }

// Budget returns what is left of the last Grant; negative when overdrawn.
func (f *Flag) Budget() int32 { return f.budget }
