package benchmarks

import (
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// blockFor blocks the thread in a system call.
func blockFor(d time.Duration) {
	if d == 0 {
		return
	}
	t := unix.NsecToTimespec(int64(d))
	for unix.Nanosleep(&t, &t) == syscall.EINTR {
	}
}
