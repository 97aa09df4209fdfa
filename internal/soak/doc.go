// Package soak has no code but a test: everything that heddle offers, mixed at random, by tasks and
// goroutines, with cancellations, panics and changes of the scheduler in the middle; in the end all counts
// have to balance. It is short by default. HEDDLE_SOAK=1m makes each of its eight parts go on for that long; make
// soak does so under the race detector.
package soak
