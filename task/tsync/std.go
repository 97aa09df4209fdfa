package tsync

import "sync"

// The types below are those of package sync. They are here because a program that uses them should
// be portable by changing the import.
type (
	// Locker is sync.Locker.
	Locker = sync.Locker
	// Map is sync.Map. Its operations do not wait for what other tasks do, so tasks can use it as
	// it is.
	Map = sync.Map
	// Pool is sync.Pool. It keeps objects for each processor of the Go runtime, not for each
	// worker. Its operations do not wait, so tasks can use it as it is.
	Pool = sync.Pool
)
