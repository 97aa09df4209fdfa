package engine

import (
	"runtime"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/label"
	"github.com/heddle-go/heddle/internal/thread"
)

// main is the worker's goroutine.
func (w *worker) main() {
	defer w.s.pool.done.Done()
	// The caller of New or Resize may have set labels, and fibers get those of this goroutine.
	label.Clear()
	for w.serve(); !w.depart(); {
		w.serve() // Resize wants it back
	}
	w.giveThread()
}

// serve runs tasks until the scheduler quits or the worker has to leave. Afterwards nothing is left
// on it.
func (w *worker) serve() {
	w.tid = 0
	w.pin()
	w.base = fiber.Adopt()
	w.busy.Start(w.s.now())
	w.fairNext()
	for w.needFiber = true; w.needFiber; {
		w.needFiber = false
		l := w.newLoopFiber() // w.Fib is set when l is in the table of fibers: see rt's IsCurrent
		exchange(w.pinned, w.base, &l.Fiber)
		w.commit()
	}
	w.flush()
	w.busy.Stop(w.s.now())
	w.giveBack()
	w.unpin()
}

// depart ends the worker's membership, unless Resize wants the worker back, and reports whether it
// did. If all other workers sleep, Pause, Wait or the end of the scheduler may be waiting for that.
func (w *worker) depart() bool {
	if !w.s.pool.quit.Load() && !w.resign() {
		return false
	}
	w.s.rested()
	w.s.quiesce()
	return true
}

// resign changes the worker from leaving to left, unless Resize wants it back, and reports whether
// it did.
func (w *worker) resign() bool {
	return w.s.idle.Leave(func() bool { return w.member.CompareAndSwap(wkLeaving, wkLeft) })
}

// giveThread makes the thread of the worker's goroutine end with the goroutine. The Go runtime ends
// the thread of a goroutine that ends locked, and keeps all other threads. So without this, a pool
// that was large once would leave its threads behind for good. The process's first thread cannot
// end, and the runtime would keep it locked for ever, so the worker unlocks that one.
func (w *worker) giveThread() {
	if !w.pinned {
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
