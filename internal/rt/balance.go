package rt

import "github.com/heddle-go/heddle/internal/atomicx"

// A Balance is what has to be 0 when a scheduler has ended.
type Balance struct {
	Live     int64          // tasks and jobs that have not ended
	Stranded uint64         // see scheduler.Stats
	Owed     *atomicx.Int64 // see Home; a goroutine that was woken lowers it when it runs, maybe a moment later
}

// AtEnd, if it is not nil, is called by each scheduler when it has ended. It is for tests: see package balance.
var AtEnd func(Balance)
