//go:build !unix

package benchmarks

import "time"

// blockFor waits. There is no system call for it that package unix has.
func blockFor(d time.Duration) { time.Sleep(d) }
