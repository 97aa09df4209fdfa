//go:build !linux

package benchmarks

import "time"

// blockFor waits: package unix has no system call for it on every other system.
func blockFor(d time.Duration) { time.Sleep(d) }
