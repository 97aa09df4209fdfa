package rt

// A Balance is what has to be 0 when a scheduler has ended.
type Balance struct {
	Stranded uint64 // see scheduler.Stats

	// Live returns how many tasks and jobs have not ended, and ReadyGoroutines how many goroutines are owed a P: see Home. A submission that comes
	// too late is counted until it is refused, and a goroutine that was woken lowers ReadyGoroutines when it runs. So both may take a moment.
	Live, ReadyGoroutines func() int64
}

// AtEnd, if it is not nil, is called by each scheduler when it has ended. It is for tests: see package balance.
var AtEnd func(Balance)
