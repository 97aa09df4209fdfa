//go:build !linux

package benchmarks

import "time"

// blockFor only sleeps, because package unix has no suitable system call on some of these systems.
func blockFor(d time.Duration) { time.Sleep(d) }
