package rt

// A Balance holds the figures that must be 0 after a scheduler has ended.
type Balance struct {
	Stranded uint64 // see scheduler.Stats

	// Live returns the number of tasks and jobs that have not ended. ReadyGoroutines returns the
	// counter of that name in Shared. Both may take a moment to reach 0: a submission that comes
	// too late counts as live until it is refused, and a woken goroutine lowers ReadyGoroutines
	// only when it runs.
	Live, ReadyGoroutines func() int64
}

// If AtEnd is not nil, each scheduler calls it when it has ended. It is for tests: see package
// balance.
var AtEnd func(Balance)
