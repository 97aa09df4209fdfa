//go:build race

package benchmarks

// raceEnabled says that the race detector is on. It allows 8,128 goroutines at a time.
const raceEnabled = true
