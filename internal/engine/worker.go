package engine

import (
	"math/rand/v2"
	"unsafe"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/idle"
	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/offload"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/stopwatch"
)

// A worker is one thread of the scheduler with its queues, or without pinning one goroutine with
// its queues. Its fields are grouped into types by the parties that may touch them, and those that
// only the worker touches by their purpose. A method that needs only one of them is a method of
// that type. A group that other parties write begins on a cache line of its own.
type worker struct {
	rt.Worker // what tasks see of the worker

	// These do not change after newWorker.
	s    *Scheduler
	id   int
	body func(yield func(struct{}) bool) // the body of its loop fibers

	ownState
	queues // pads what others touch

	_ cpu.CacheLinePad
	toldState

	_ cpu.CacheLinePad
	publicState

	_    cpu.CacheLinePad
	ring look.Ring

	_    cpu.CacheLinePad
	seen seenState
	_    cpu.CacheLinePad
}

// ownState is what only the worker's present goroutine touches: a loop fiber, a task or the base.
type ownState struct {
	base *fiber.Fiber // the goroutine that the worker started as
	handover
	fibers    fiberStock
	starting  *loopFiber // the loopFiber whose body is about to begin
	needFiber bool       // a switch to the base asks it to make a loopFiber, not to end
	handoff   *rt.Task   // the task that the next loopFiber has to run; nil: look for one
	rng       *rand.Rand
	lookCount
	notebook
	plain      bool // nothing notes, measures or directs its tasks: see draft.go
	chain      chain
	queueTurns int    // turns of the worker's queue since the injector's last turn
	wish       wish   // see ParkFor
	fairTurn   uint32 // counts the calls of pickFair
	turns      turns  // the turns of high and low tasks
	dueRun     int    // dispatches of pickDue in a row
	alarms
	searching bool // registered in idle.Set as a searcher
	slice     preempt.Slice
	patience  patience
	naps      napCount
	anchor
	n    counters
	call *spotCall // the present or next call on the spot
}

// toldState is what other parties write for the worker to read: thieves, Resize, sysmon, wakers and
// reliefs.
type toldState struct {
	nextStolen atomicx.Bool   // a thief took from the next slot
	member     atomicx.Uint32 // see workerPool
	lean       atomicx.Bool   // the worker has to give back what it holds: see requestTrim
	spot       offload.Spot
	parker     idle.Parker
	wokenAt    atomicx.Int64 // with a gauge, when a waker claimed the worker; 0: none has
}

// publicState is what the worker writes for other parties to read.
type publicState struct {
	published published      // counts, as of the last publish
	duty      stopwatch.Duty // busy while the worker is awake
	holds     atomicx.Bool   // it holds memory that it should give back if it sleeps for long
}

// seenState is what only sysmon touches of a worker.
type seenState struct {
	next   uint32 // the sequence number of the next slot at the last tick
	id     uint32 // the number of the dispatch that sysmon saw last
	since  int64  // when sysmon first saw that dispatch, or last moved tasks from behind it
	leanAt uint64 // how much the worker had done when requestTrim last asked it to give back memory
}

// fairTick is how many looks for work come from one call of worker.fair to the next. It is a prime,
// as in Go's scheduler, so that it does not fall into step with a program's own period.
const fairTick = 61

// A lookCount counts a worker's looks for work.
type lookCount struct {
	tick   uint32 // looks so far
	stopAt uint32 // the tick at which pick does more than take a task: see stopover
}

// planStop sets stopAt: to the next tick while a dispatch is measured, otherwise to the next
// multiple of fairTick.
func (l *lookCount) planStop(measured bool) {
	l.stopAt = l.tick + 1
	if !measured {
		l.stopAt = l.tick + fairTick - l.tick%fairTick
	}
}

// skipToFair makes the next look one that begins with fair.
func (l *lookCount) skipToFair() {
	l.tick += fairTick - 1 - l.tick%fairTick
	l.stopAt = l.tick + 1
}

// workerOf returns the worker on which d runs, or ran last. d must have begun.
func workerOf(d *rt.Task) *worker {
	// A worker begins with its rt.Worker. (To ask the Host for its type takes 7 instructions more,
	// at each switch.)
	return (*worker)(unsafe.Pointer(d.Worker()))
}

var _ [0]struct{} = [unsafe.Offsetof(worker{}.Worker)]struct{}{}

// A watchedWorker is a worker as the monitor sees it.
type watchedWorker struct{ *worker }

// Dispatch implements preempt.Unit.
func (u watchedWorker) Dispatch() (preempt.Dispatch, bool) {
	// The worker writes the two words one after the other, so the number and the task that are read
	// here may belong to different dispatches. Then the monitor's mark, which names the number, has
	// no effect, and at its next tick the monitor sees another number. So one reading is enough.
	id := u.worker.Worker.Dispatch.Load()
	d := u.Current.Load()
	if d == nil {
		return preempt.Dispatch{}, false
	}
	s := d.Status()
	if !s.InUse() {
		return preempt.Dispatch{}, false
	}
	return preempt.Dispatch{Flag: d.Flag(), Life: uint64(s.Gen()), ID: id}, true
}

// Nudge implements preempt.Nudger. It asks the worker for forked calls as a thief does, because a
// fork looks only at whether a thief has asked. Looking at the flag, too, would double the cost of
// a fork.
func (u watchedWorker) Nudge() { u.Forks.Thief().Ask() }
