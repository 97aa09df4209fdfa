package scheduler

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/idle"
	"github.com/heddle-go/heddle/internal/inject"
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

// Sleep implements rt.Host.
func (w *worker) Sleep(d *rt.Task, ns int64) {
	q := &w.s.timers
	t := q.Borrow(d)
	t.Fib = w.Fib.Load()
	now := q.Now()
	q.Arm(t, rt.After(now, time.Duration(ns)))
	// As in Park, once more, but for pickDue.
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	w.n.parks++
	w.prevPark, w.prevGen = rt.WaitSleep.Park(rt.ForWake), d.Gen()
	w.Fib.Load().Since.Store(w.s.coarse.Load())
	if next, yield := w.leave(d, w.pickDue(now), actPark).Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
	if !d.Woken() { // cancelled
		if q.Disarm(t) {
			return
		}
		d.AwaitWakeFor(rt.WaitSleep)
	}
	q.Return(t)
}

// Spawn implements rt.Host: the task goes to the next slot. What was there goes to the back of the queue. Other than a woken
// task (see Local), a child in the slot is among what a worker looks at before it sleeps, since its parent may go on for
// long.
func (w *worker) Spawn(fn any, x *rt.Extra) (*rt.Task, uint32) {
	if w.s.phase.Load() >= phaseClosed {
		return nil, 0
	}
	under := x != nil && x.Parents != nil
	if under {
		w.s.cohorts.Hold(x) // may panic
	}
	d := w.freeTasks.Take(&w.s.taskPool, x)
	d.Spawned(fn, x)
	gen := d.Gen()
	w.live++
	w.n.spawned++
	if under {
		w.s.cohorts.Attach(x, d, gen)
	}
	if x != nil && inject.Ranked(d) {
		w.push(d)
		return d, gen
	}
	if old := w.next.put(d, newChild); old != nil { // (P1)
		w.runq.Push(old) // (P1)
	}
	w.s.wakeOne() // (P2, P3)
	return d, gen
}

// Local implements rt.Host: d goes to the next slot. What was there goes to the
// back of the queue.
//
// Nobody has to be woken for the next slot when, as is usual, the present task soon gives
// way; a thief would only tear the two apart. But the present task may as well go
// on for long. So somebody is woken, unless that was of no use lately: each time that
// the worker comes to take the task itself, the number of times to skip
// doubles, and it falls back to none when a thief takes one. If a skipped one does get
// stuck, sysmon wakes a worker at its next tick (N3 of the protocol).
//
// A high or low task goes to its own queue.
func (w *worker) Local(d *rt.Task) {
	if inject.Ranked(d) {
		w.push(d)
		return
	}
	if old := w.next.put(d, wokenTask); old != nil {
		w.push(old)
		return
	}
	if w.nextSkip > 0 {
		w.nextSkip--
		return
	}
	if w.s.idle.NeedsWake() {
		if w.nextStolen.Load() {
			w.nextStolen.Store(false)
			w.nextWake = 0
		}
		w.nextWake = min(w.nextWake+1, 16)
		w.nextSkip = 1<<w.nextWake - 1
		w.s.wakeOne()
	}
}

// Hungry implements rt.Host.
func (w *worker) Hungry() {
	if w.s.crowded(0) {
		return
	}
	w.s.wakeOne()
	if w.s.idle.Sleeping() != 0 {
		// On behalf of those who still sleep, and whose requests this exposure has met:
		// the next fork exposes again and wakes one more.
		w.Forks.Thief().Ask()
	}
}

// letIn lets the Go scheduler run others on this P if an outsider that a
// worker made ready has been waiting for one. With a P to spare it is run elsewhere within
// microseconds, and there is nothing to do: giving up the P costs a pinned worker
// two thread switches.
func (w *worker) letIn(now int64) {
	if w.readySince == 0 {
		w.readySince = now
		return
	}
	if now-w.readySince < readyPatience {
		return
	}
	w.readySince = 0
	w.n.letIns++
	if w.fixed {
		runtime.Gosched()
		return
	}
	w.unpin()
	runtime.Gosched()
	w.pin()
}

// readyPatience is twice the time that the Go runtime takes to wake a thread for a
// goroutine that a running P has made ready, if there is another P.
const readyPatience = int64(20 * time.Microsecond)

// pin locks the worker to the thread that it finds itself on, and binds that to the worker's CPU.
func (w *worker) pin() {
	if !w.pinned {
		return
	}
	runtime.LockOSThread()
	w.roams = false
	if tid := thread.ID(); tid != w.tid {
		if w.tid != 0 {
			w.n.sleepMoves++
		}
		w.tid = tid
	}
	w.bind()
}

// unpin takes pin back: the thread goes back to the Go runtime as it was.
func (w *worker) unpin() {
	if !w.pinned {
		return
	}
	w.bound.Undo()
	runtime.UnlockOSThread()
}

// checkThread counts moves of the worker to another thread while it was awake, and binds the new one.
func (w *worker) checkThread() {
	if !w.pinned {
		return
	}
	tid := thread.ID()
	if tid == w.tid {
		w.roams = false
		return
	}
	if w.roams {
		w.n.sleepMoves++
	} else {
		w.n.moves++
	}
	w.roams = false
	w.tid = tid
	w.bind()
}

// bind binds the present thread to the worker's CPU, if it has one.
func (w *worker) bind() {
	if w.s.cpus == nil {
		return
	}
	w.bound.Undo()
	if err := w.bound.Bind(w.s.cpus[w.id%len(w.s.cpus)]); err != nil {
		w.s.logger().Warn("heddle: a worker's thread could not be bound", "worker", w.id, "err", err)
	}
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
