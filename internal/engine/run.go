package engine

import (
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/label"
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
	w.duty.Begin(w.s.now())
	w.fairNext()
	for w.needFiber = true; w.needFiber; {
		w.needFiber = false
		if w.handoff != nil {
			w.provide()
		}
		l := w.newLoopFiber() // w.Fib is set when l is in the table of fibers: see rt's IsCurrent
		exchange(w.pinned, w.base, &l.Fiber)
		w.commit()
	}
	w.flush()
	w.duty.End(w.s.now())
	w.giveBack()
	w.unpin()
}

// depart ends the worker's membership, unless Resize wants the worker back, and reports whether it
// did. If all other workers sleep, Pause, Wait or the end of the scheduler may be waiting for that.
func (w *worker) depart() bool {
	if !w.s.pool.quit.Load() && !w.resign() {
		return false
	}
	w.s.checkPaused()
	w.s.quiesce()
	return true
}

// resign changes the worker from leaving to left, unless Resize wants it back, and reports whether
// it did.
func (w *worker) resign() bool {
	return w.s.idle.Leave(func() bool { return w.member.CompareAndSwap(wkLeaving, wkLeft) })
}
