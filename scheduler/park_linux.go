package scheduler

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A parker puts one worker to sleep. At most one goroutine parks at a time; any
// number may unpark. An unpark before the park makes that return at once.
//
// A worker that stays locked to its thread while it sleeps (Fixed) sleeps on a futex, which wakes it
// several times sooner than a channel does (ARCHITECTURE.md, "Parking a pinned thread"). The others
// sleep on a channel.
type parker struct {
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

func (p *parker) init(fixed bool) {
	p.ch = make(chan struct{}, 1)
	p.futex = fixed && !inBubble()
}

// inBubble reports whether time is not real, as inside a synctest bubble, where a
// goroutine in a system call would keep the bubble's clock from moving. Its clock
// starts in the year 2000.
func inBubble() bool {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_REALTIME, &ts) != nil {
		return false
	}
	d := time.Until(time.Unix(ts.Unix()))
	return d > 24*time.Hour || d < -24*time.Hour
}

// park sleeps until unpark.
func (p *parker) park() {
	how := uint32(pkChan)
	if p.futex {
		how = pkFutex
	}
	if !p.state.CompareAndSwap(pkEmpty, how) {
		p.state.Store(pkEmpty) // took the token
		return
	}
	if how == pkChan {
		atomicx.Await("park", func() bool { return len(p.ch) > 0 })
		<-p.ch
	} else {
		for p.state.Load() == pkFutex {
			// EINTR and EAGAIN lead to another look, as does 0.
			_, _, _ = syscall.Syscall6(unix.SYS_FUTEX, p.addr(),
				futexWaitPrivate, pkFutex, 0, 0, 0)
		}
	}
	p.state.Store(pkEmpty)
}

// unpark wakes the sleeper, or the next park.
func (p *parker) unpark() {
	switch p.state.Swap(pkToken) {
	case pkFutex:
		// Syscall, not RawSyscall: the woken thread needs a P, and gets this one
		// if there is no other.
		_, _, _ = syscall.Syscall6(unix.SYS_FUTEX, p.addr(),
			futexWakePrivate, 1, 0, 0, 0)
	case pkChan:
		p.ch <- struct{}{}
	}
}

// addr returns the address of the state word for the kernel. The parker is
// part of its worker, which is on the heap and does not move.
func (p *parker) addr() uintptr { return uintptr(unsafe.Pointer(&p.state)) }
