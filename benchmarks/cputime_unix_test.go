//go:build linux || darwin

package benchmarks

import (
	"time"

	"golang.org/x/sys/unix"
)

// cpuTime returns the processor time that the process has used. It returns false if the system does
// not report it.
func cpuTime() (time.Duration, bool) {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), true
}
