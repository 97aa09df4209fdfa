// Package soak contains only a test. It mixes everything that heddle offers at random, in tasks and
// goroutines, with cancellations, panics, Goexits, contexts that panic, and changes of the
// scheduler in the middle. Whenever all tasks and goroutines are done, the counts have to balance.
// After a scheduler has ended, it may have left nothing over.
//
// An operation counts when it has returned and its result has been checked. One operation is a fork
// that was joined, a yield, a value sent or received, a park, a lock taken and released, a task
// started and awaited, or one call of a rarer kind with everything that it starts. A wait that its
// context ended counts too, because that is a result. An operation that a panic or the end of its
// task cuts off does not count. Each party counts for itself, and adds its counts to the sum when
// it ends.
//
// The test is short by default. HEDDLE_SOAK=1m makes each of its ten parts last that long. (With
// -race and -short, each number of CPUs has half of the parts: see Part in internal/testkit.)
// HEDDLE_SOAK_OPS=1000000000 makes them last until all parts together have done that many
// operations. Each part ends after the round in which it reaches its bound. HEDDLE_SOAK_SEED=N
// makes the same random choices as the run that printed N, but the interleaving still varies.
//
// Under the race detector the process grows by some kilobytes for each fiber that ends, because the
// Go runtime does not report the end of a coroutine to the detector. A loop that calls iter.Pull
// and stop grows in the same way.
package soak
