package engine

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/label"
	"github.com/heddle-go/heddle/internal/thread"
	"github.com/heddle-go/heddle/internal/timers"
)

// newWorker makes a worker in the state wkLeft. The caller adds it to the pool.
func (s *Scheduler) newWorker(id int) *worker {
	w := &worker{s: s, id: id, pinned: s.pinned(), fixed: s.cfg.Pinning == Fixed}
	w.Host, w.Shared, w.body = w, &s.shared, w.loopBody()
	w.Fib.Store(noFiber)
	w.Looks = s.looks
	if s.dir != nil {
		w.Host = (*directed)(w)
	}
	w.rng = rand.New(rand.NewPCG(uint64(id), 0x68656464))
	if s.dir != nil {
		w.timers = s.timers.Common() // so that all timers fire in their order
	} else {
		w.timers = s.timers.NewQueue()
	}
	w.timerBatch = new(timers.Batch)
	w.runq.Init(deque.FIFO, 0)
	w.children.Init(deque.LIFO, 0)
	w.Forks.Init(deque.LIFO, 0)
	// The dispatch numbers of different workers lie far apart. So a mark for a task's dispatch on
	// one worker does not fit a dispatch on another.
	w.counted = uint32(id) * 0x9e3779b1
	w.Worker.Dispatch.Store(w.counted)
	w.beginMeasuring()
	w.parker.Init(w.fixed)
	w.call = &spotCall{}
	w.member.Store(wkLeft)
	return w
}

// main is the worker's goroutine.
func (w *worker) main() {
	defer w.s.done.Done()
	label.Clear() // New or Resize may have been called with labels; fibers get those of this goroutine
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
	if !w.s.quit.Load() && !w.resign() {
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
