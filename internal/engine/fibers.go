package engine

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/fiberpool"
	"github.com/heddle-go/heddle/internal/rt"
)

// A loopFiber is a fiber with the loop that runs one task after the other. A task that never
// suspends is a plain call in that loop. If a task suspends, the fiber stays with it, and the
// worker goes on with another fiber.
type loopFiber struct {
	fiber.Fiber
	// w is the worker that the loop runs on. The worker that makes the fiber, or takes it from a
	// pool, sets w. endTask sets it again, because the task may have come back on another worker.
	w *worker
}

// A fiberTag is an argument of progress.loop that only shows in a printed stack. The Go runtime
// prints the arguments of functions as they are in memory. An array is never passed in registers,
// so these words are always there, and tell the stack of one fiber from those of all others.
type fiberTag [2]uintptr

func tagOf(f *fiber.Fiber) fiberTag {
	at := uintptr(unsafe.Pointer(f))
	return fiberTag{at, at}
}

// text returns what a printed stack shows of the tag.
func (t fiberTag) text() []byte { return fmt.Appendf(nil, "{%#x, %#x}", t[0], t[1]) }

// exchange switches from self to to. If pinned is true, the worker is locked to its thread, and
// exchange unlocks it for the switch: see prepareSwitch. Unless self is dying, the caller has to
// call commit next.
func exchange(pinned bool, self, to *fiber.Fiber) {
	if pinned {
		runtime.UnlockOSThread()
	}
	fiber.Switch(self, to)
}

// newLoopFiber makes a sleeping loopFiber of w. The base of w must switch to it at once, because
// its body takes the loopFiber from w.starting.
func (w *worker) newLoopFiber() *loopFiber {
	l := &loopFiber{w: w}
	w.starting = l
	w.s.fiberPool.CountCreated()
	if w.pinned {
		runtime.UnlockOSThread()
		defer runtime.LockOSThread()
	}
	l.Init(w.body)
	return l
}

// provide gets what the next tasks will need from the allocator, so that they need not do that on
// their own stacks. The worker's base calls it before it makes a fiber for a task. A task that waits
// for the first time usually has come by here, so what is provided lasts for the children that it
// starts.
func (w *worker) provide() {
	w.Provide(true)
	w.freeTasks.Provide(&w.s.taskPool, provided)
	w.children.Reserve(provided)
	w.runq.Reserve(provided)
}

// provided is how many children of a task find a descriptor and a place in the queues.
const provided = 8

// takeFiber returns the fiber to switch to for starting pending, or for looking for work if pending
// is nil. That is an idle loopFiber, if there is one. Otherwise it is the worker's base, which
// makes a loopFiber and switches on to it. The calling task does not make the loopFiber itself,
// because that takes much stack. The task's stack might have to double for it, and would stay so
// large while the task is parked.
func (w *worker) takeFiber(pending *rt.Task) *fiber.Fiber {
	w.handoff = pending
	l := w.fibers.take()
	if l == nil {
		var ok bool
		if l, ok = w.fibers.pool.Get(); !ok {
			w.needFiber = true
			return w.base
		}
	}
	l.w = w
	return &l.Fiber
}

// A fiberStock has the idle loop fibers that a worker keeps for itself. Only the worker touches it.
type fiberStock struct {
	idle []*loopFiber
	pool *fiberpool.Pool[*loopFiber] // the scheduler's
}

// keepFibers is how many idle loop fibers a worker keeps for itself.
const keepFibers = 32

// take takes an idle loop fiber, or returns nil if there is none. It has to inline: with a frame of
// its own the stack of a task that waits would grow.
func (s *fiberStock) take() (l *loopFiber) {
	if n := len(s.idle); n > 0 {
		l = s.idle[n-1]
		s.idle[n-1] = nil
		s.idle = s.idle[:n-1]
	}
	return l
}

// keep adds l, which is idle. l, in sleep, has made room for itself, because keep runs on the stack
// of the task that the worker has switched to, and should use little of that stack.
func (s *fiberStock) keep(l *loopFiber) { s.idle = append(s.idle, l) }

// full reports whether there is no room for an idle loop fiber.
func (s *fiberStock) full() bool { return len(s.idle) == cap(s.idle) }

// makeRoom makes room for an idle loop fiber if there is none.
func (s *fiberStock) makeRoom() {
	if s.idle == nil {
		s.idle = make([]*loopFiber, 0, keepFibers)
		return
	}
	// Give the older half to the pool. So its lock is taken once for many fibers.
	const half = keepFibers / 2
	s.pool.Put(s.idle[:half]...)
	s.idle = append(s.idle[:0], s.idle[half:]...)
	clear(s.idle[half:keepFibers])
}

// giveBack gives all idle loop fibers to the pool.
func (s *fiberStock) giveBack() {
	s.pool.Put(s.idle...)
	s.idle = nil
}
