package scheduler

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/idle"
	"github.com/heddle-go/heddle/internal/label"
	"github.com/heddle-go/heddle/internal/offload"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/taskpool"
	"github.com/heddle-go/heddle/internal/thread"
	"github.com/heddle-go/heddle/internal/timers"
)

// A worker is one pinned thread and its queues. Its fields are grouped by who
// may touch them.
type worker struct {
	rt.Worker // what tasks see of it

	// Read only after New.
	s      *Scheduler
	id     int
	pinned bool // it is locked to a thread while it is awake
	fixed  bool // and while it sleeps

	// The worker's own: used by whatever runs on it.
	base        *fiber.Fiber // the goroutine that the worker started as
	act         action       // what commit has to do
	prev        *rt.Task     // with whom
	prevGen     uint32
	prevPark    rt.Park
	prevLooper  *loopFiber
	idleLoopers []*loopFiber
	born        *loopFiber                      // whose body is about to begin
	body        func(yield func(struct{}) bool) // of its loop fibers
	needLooper  bool                            // the base is switched to for making a loopFiber, not for ending
	handoff     *rt.Task                        // what the loopFiber that is switched to has to run; nil: look for something
	freeTasks   taskpool.List
	rng         *rand.Rand
	tick        uint32 // counts looks for work
	nextRun     int    // dispatches of woken tasks from the next slot in a row
	chain       chain
	queueTurns  int    // of the worker's queue, since the injector had its last one
	wish        wish   // see ParkFor
	stale       int    // about how many entries of runq are stale, if dropped ones are left out of account
	fairTurn    uint32 // counts the calls of pickFair
	turns       turns  // of high and low tasks
	dueRun      int    // dispatches of pickDue in a row
	ringing     *timers.Batch
	searching   bool // registered in idleSet as a searcher
	slice       preempt.Slice
	readySince  int64 // when an outsider was first seen waiting for a P; 0: none is
	owedLook    uint32
	tid         int
	lastNext    uint32 // sysmon's: the next slot's seq at its last tick
	lastID      uint32 // sysmon's: the dispatch that it has seen since lastSince
	lastSince   int64
	bound       thread.Binding
	leanAt      uint64 // sysmon's: what the worker had done when it was last asked to give back
	live        int64  // tasks started less tasks ended here, not yet in Scheduler.live
	n           counts
	call        *spotCall // of the present or next call
	left        *spotCall // that of the call from which the worker has just been taken
	roams       bool      // its thread may have changed in a call

	// The next slot: a task made ready by the present one, to run next. Put there by the worker, taken
	// by anyone. nextWake and nextSkip are the worker's own: see Local.
	_        cpu.CacheLinePad
	next     nextSlot
	nextWake uint32
	nextSkip uint32

	// Written by thieves and others.
	_          cpu.CacheLinePad
	nextStolen atomicx.Bool   // a thief took from the next slot
	member     atomicx.Uint32 // see workerPool
	lean       atomicx.Bool   // the worker is to give back what it holds: see ask
	spot       offload.Spot
	parker     idle.Parker

	// Written by the worker, read by others.
	_     cpu.CacheLinePad
	shown shown                // counts, as of the last flush
	holds atomicx.Bool         // it holds more than is worth keeping while it sleeps for long
	runq  deque.Owner[rt.Task] // FIFO
	_     cpu.CacheLinePad
}

// newWorker makes a worker that has left, and that is not registered yet.
func (s *Scheduler) newWorker(id int) *worker {
	w := &worker{s: s, id: id, pinned: s.pinned(), fixed: s.cfg.pinning == Fixed, rng: rand.New(rand.NewPCG(uint64(id), 0x68656464)), ringing: new(timers.Batch)}
	w.Host, w.Shared, w.body = w, &s.home, w.loopBody()
	w.runq.Init(deque.FIFO, 0)
	w.Forks.Init(deque.LIFO, 0)
	// Dispatch numbers of different workers far apart, so that a mark for one worker's
	// dispatch of a task does not fit another's.
	w.Worker.Dispatch.Store(uint32(id) * 0x9e3779b1)
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

// serve runs tasks until the scheduler quits or the worker has to leave. Afterwards nothing is left on it.
func (w *worker) serve() {
	w.tid = 0
	w.pin()
	w.base = fiber.Adopt()
	w.fairNext()
	for w.needLooper = true; w.needLooper; {
		w.needLooper = false
		l := w.newLoopFiber() // Fib names it when it has entered the table of fibers: see IsCurrent
		exchange(w.pinned, w.base, &l.Fiber)
		w.commit()
	}
	w.flush()
	w.giveBack()
	w.unpin()
}

// giveThread makes the thread of the worker's goroutine, which is about to end, end with it. The Go runtime ends the thread of
// a goroutine that ends locked, and keeps all others for later: without this, a pool that was large once would leave its
// threads behind for good. The process's first thread cannot end; the runtime would lay it to rest for ever, so the worker
// leaves that one alone.
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
