// Package soak has no code but a test: everything that heddle offers, mixed at random by tasks and
// goroutines, with cancellations, panics, Goexits, contexts that panic, and changes of the scheduler
// in the middle. When all is quiet the accounts have to balance, and when a scheduler has ended,
// nothing of it may be left.
//
// An operation is counted when it has returned and its result has been checked: one fork that was
// joined; one yield; one value sent or received; one park; one lock taken and given back; one task
// started and seen to its end; or one call of a rarer kind with all that it starts. A wait that was
// ended by its context counts too, because that is a result. What a panic or the end of its task cuts
// off does not count. Each party counts for itself, and adds its counts to the sum when it ends.
//
// The test is short by default. HEDDLE_SOAK=1m makes each of its ten parts go on for that long, and
// HEDDLE_SOAK_OPS=1000000000 until all parts together have done that many operations; each ends with
// the round in which that happens. HEDDLE_SOAK_SEED=N makes the same choices as the run that has
// printed N; the interleaving is the machine's.
//
// Under the race detector the process grows by some kilobytes for each fiber that ends, because the Go
// runtime does not tell the detector of the end of a coroutine. A loop that calls iter.Pull and stop
// does the same.
package soak
