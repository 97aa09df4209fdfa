package idle

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A Parker puts one worker to sleep. Init prepares it. At most one goroutine parks at a time; any
// number may unpark. If Unpark comes first, the next Park returns at once.
//
// If a worker stays locked to its thread while it sleeps, it sleeps on a futex, because a futex
// wakes it several times sooner than a channel does (ARCHITECTURE.md, "Parking a pinned thread").
// Other workers sleep on a channel.
type Parker struct {
	state atomicx.Uint32
	ch    chan struct{}
	futex bool
}

const (
	pkEmpty = iota
	pkToken
	pkFutex // sleeps on the futex
	pkChan  // sleeps on the channel
)

// From linux/futex.h: FUTEX_WAIT and FUTEX_WAKE, with FUTEX_PRIVATE_FLAG.
const (
	futexWaitPrivate = 0 | 128
	futexWakePrivate = 1 | 128
)

// Init prepares p. fixed says that its worker stays locked to its thread while it sleeps.
func (p *Parker) Init(fixed bool) {
	p.ch = make(chan struct{}, 1)
	p.futex = fixed && !inBubble()
}

// inBubble reports whether the caller is in a synctest bubble. It compares Go's time with the
// system's, because the clock of a bubble starts in the year 2000. A goroutine that slept in a
// system call would keep the bubble's clock from moving.
func inBubble() bool {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &ts) != nil {
		return false
	}
	d := time.Until(time.Unix(ts.Unix()))
	return d > 24*time.Hour || d < -24*time.Hour
}

// Park blocks the calling thread or goroutine until Unpark.
func (p *Parker) Park() {
	how := uint32(pkChan)
	if p.futex {
		how = pkFutex
	}
	if !p.state.CompareAndSwap(pkEmpty, how) {
		p.state.Store(pkEmpty) // takes the token
		return
	}
	if how == pkChan {
		atomicx.Await("park", func() bool { return len(p.ch) > 0 })
		<-p.ch
	} else {
		for p.state.Load() == pkFutex {
			// Whether the call returns 0, EINTR or EAGAIN, the loop looks at state again.
			_, _, _ = syscall.Syscall6(unix.SYS_FUTEX, p.addr(),
				futexWaitPrivate, pkFutex, 0, 0, 0)
		}
	}
	p.state.Store(pkEmpty)
}

// Unpark wakes the worker that sleeps in Park, or lets the next Park return at once. It does not
// wait.
func (p *Parker) Unpark() {
	switch p.state.Swap(pkToken) {
	case pkFutex:
		// This is Syscall and not RawSyscall, because the woken thread needs a P. If no other P is
		// free, the runtime can give it the P of this thread.
		_, _, _ = syscall.Syscall6(unix.SYS_FUTEX, p.addr(),
			futexWakePrivate, 1, 0, 0, 0)
	case pkChan:
		p.ch <- struct{}{}
	}
}

// addr returns the address of the state word for the kernel. The Parker is part of its worker,
// which is on the heap and does not move.
func (p *Parker) addr() uintptr { return uintptr(unsafe.Pointer(&p.state)) }
