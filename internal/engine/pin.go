package engine

import (
	"log/slog"
	"runtime"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/thread"
)

// An anchor ties a worker to its thread. Only the worker touches it.
type anchor struct {
	pinned bool // the worker is locked to a thread while it is awake
	fixed  bool // it stays locked to that thread while it sleeps
	roams  bool // the thread may have changed since tid was read, in a sleep or in a call on the spot
	tid    int  // the number of the thread that the worker was last seen on, or 0
	bound  thread.Binding
	id     int // the worker's
	cfg    *Config

	moves, sleepMoves uint64 // see Stats
}

// pin locks the worker to the thread that it finds itself on, and binds that to the worker's CPU. It
// leaves it to checkThread to find out which thread that is, because a task may be waiting, and the
// system call takes most of a microsecond in a process that has been idle.
func (a *anchor) pin() {
	if !a.pinned {
		return
	}
	runtime.LockOSThread()
	a.roams = true
	a.bind()
}

// unpin undoes pin: the Go runtime gets the thread back as it was.
func (a *anchor) unpin() {
	if !a.pinned {
		return
	}
	a.bound.Undo()
	runtime.UnlockOSThread()
}

// checkThread counts moves of the worker to another thread, and binds the new thread.
func (a *anchor) checkThread() {
	if !a.pinned {
		return
	}
	tid := thread.ID()
	if tid == a.tid {
		a.roams = false
		return
	}
	switch {
	case a.tid == 0:
	case a.roams:
		a.sleepMoves++
	default:
		a.moves++
	}
	a.roams = false
	a.tid = tid
	a.bind()
}

// bind binds the present thread to the worker's CPU, if it has one.
func (a *anchor) bind() {
	cpus := a.cfg.CPUs
	if cpus == nil {
		return
	}
	a.bound.Undo()
	if err := a.bound.Bind(cpus[a.id%len(cpus)], cpus); err != nil {
		a.cfg.warn("heddle: a worker's thread could not be bound", slog.Int("worker", a.id), slog.Any("err", err))
	}
}

// giveThread makes the thread of the worker's goroutine end with the goroutine. The Go runtime ends
// the thread of a goroutine that ends locked, and keeps all other threads. So without this, a pool
// that was large once would leave its threads behind for good. The process's first thread cannot
// end, and the runtime would keep it locked for ever, so the worker unlocks that one.
func (a *anchor) giveThread() {
	if !a.pinned {
		return
	}
	if runtime.LockOSThread(); thread.OnFirst() {
		runtime.UnlockOSThread()
	}
	if f := threadEnds.Load(); f != nil {
		(*f)(thread.ID())
	}
}

// threadEnds is called with the number of each thread that ends with its worker. Tests set it.
var threadEnds atomic.Pointer[func(tid int)]
