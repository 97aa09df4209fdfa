//go:build race

package testkit

// Race says whether the race detector is on. With it a test takes about ten times as long, and may
// have only 8,128 goroutines at a time.
const Race = true
