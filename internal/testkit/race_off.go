//go:build !race

package testkit

// Race says whether the race detector is on, which takes ten times as long and allows for 8,128
// goroutines at a time.
const Race = false
