package scheduler

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/cpu"

	"github.com/heddle-go/heddle/deque"
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/preempt"
	"github.com/heddle-go/heddle/task"
)

// A worker is one pinned thread and its queues. Its fields are grouped by who
// may touch them.
type worker struct {
	rt.Worker // what tasks see of it

	// Read only after New.
	s      *Scheduler
	id     int
	pinned bool

	// The worker's own: used by whatever runs on it.
	base        *fiber.Fiber // the goroutine that the worker started as
	fib         *fiber.Fiber // the fiber that runs
	act         action       // what commit has to do
	prev        *rt.Desc     // with whom
	prevGen     uint32
	prevPark    rt.Park
	prevLooper  *looper
	idleLoopers []*looper
	needLooper  bool     // the base is switched to for making a looper, not for ending
	handoff     *rt.Desc // what the looper that is switched to has to run; nil: look for something
	descs       descList
	rng         *rand.Rand
	tick        uint32 // counts looks for work
	nextRun     int    // dispatches from the next slot in a row
	fairTurn    bool   // see pickFair
	searching   bool   // registered in idleSet as a searcher
	slice       preempt.Slice
	owedSince   int64 // when an outsider was first seen waiting for a P; 0: none is
	owedLook    uint32
	tid         int
	lastNext    uint32 // sysmon's: the next slot's seq at its last tick
	bound       binding
	live        int64 // tasks started less tasks ended here, not yet in Scheduler.live
	n           counts

	// The next slot: a task made ready by the present one, to run next. Put there by the worker, taken
	// by anyone. nextWake and nextSkip are the worker's own: see Local.
	_        cpu.CacheLinePad
	next     nextSlot
	nextWake uint32
	nextSkip uint32

	// Written by thieves and others.
	_          cpu.CacheLinePad
	nextStolen atomicx.Bool // a thief took from the next slot
	park       parker

	// Written by the worker, read by others.
	_     cpu.CacheLinePad
	shown shown                // counts, as of the last flush
	runq  deque.Owner[rt.Desc] // FIFO
	_     cpu.CacheLinePad
}

// An action is what the successor does for its predecessor as the first thing
// after the switch. It must not happen earlier: until then the predecessor still runs on its
// stack, and whoever found it in a queue could resume it there.
type action uint8

const (
	actNone action = iota
	actRequeue
	actPark
	actPool
	actRetire
)

// commit carries out the action. Called on the worker, after each switch.
func (w *worker) commit() {
	act := w.act
	w.act = actNone
	switch act {
	case actRequeue:
		d := w.prev
		w.prev = nil
		w.push(d)
	case actPark:
		d := w.prev
		w.prev = nil
		if !d.CommitPark(w.prevPark) {
			w.push(d)
			return
		}
		// Close marks the phase first and then walks the tasks. Either it finds
		// this one Waiting, or the phase is seen here.
		if w.s.phase.Load() >= phaseClosed {
			if _, queue := d.Cancel(w.prevGen, rt.Closed); queue {
				w.push(d)
			}
		}
	case actPool:
		l := w.prevLooper
		w.prevLooper = nil
		w.keepLooper(l)
	case actRetire:
		l := w.prevLooper
		w.prevLooper = nil
		w.s.loopers.retire(l)
	}
}

// push queues a runnable task at the back and sees to it that somebody runs it.
func (w *worker) push(d *rt.Desc) {
	w.runq.Push(d) // (P1)
	w.s.wakeOne()  // (P2, P3)
}

// begin puts d on this worker: the last thing before its function is called or its
// stack is switched to.
func (w *worker) begin(d *rt.Desc) {
	d.Run(&w.Worker)
	w.slice.Begin(&d.Flag)
	w.n.dispatches++
}

// again begins a new slice for d, which would have given way but is alone. For the
// monitor it is a new dispatch.
func (w *worker) again(d *rt.Desc) {
	w.Dispatch.Store(w.Dispatch.Load() + 1)
	w.slice.Begin(&d.Flag)
}

// leave prepares the switch from the running task d to n, or to the search for
// something if n is nil, and returns the fiber in whose slot to do it.
func (w *worker) leave(d, n *rt.Desc, act action) *fiber.Fiber {
	self := w.fib
	self.Place.Mark()
	d.Fib.Store(self)
	w.act, w.prev = act, d
	var to *fiber.Fiber
	if n != nil {
		to = n.Fib.Load()
	}
	if to != nil {
		w.begin(n)
	} else {
		w.Current.Store(nil)
		to = w.takeLooper(n)
	}
	w.fib = to
	s := self.Take(to)
	if w.pinned {
		// The lock is given up only for the switch itself: a coroutine that is
		// exchanged unlocked may be resumed by any worker (ARCHITECTURE.md,
		// F1 and F2). What follows in the caller is the exchange, on a stack that has
		// room for it.
		runtime.UnlockOSThread()
	}
	return s
}

// resume is what d does first when it runs again, maybe on another worker
// than before.
func resume(d *rt.Desc) {
	w := d.Worker().Host.(*worker)
	if w.pinned {
		runtime.LockOSThread()
	}
	w.commit()
}

// share exposes what d has forked, before it leaves the worker: it may come back on
// another one, and what is private on this one is its running task's.
func (w *worker) share(d *rt.Desc) {
	w.Expose(d)
	w.s.wakeOne()
}

// Yield implements rt.Host.
func (w *worker) Yield(d *rt.Desc) {
	d.Host() // panics if d does not run
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	n := w.pick()
	if n == nil {
		if n = w.glance(); n == nil {
			w.again(d)
			return
		}
	}
	w.n.yields++
	if next, yield := w.leave(d, n, actRequeue).Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
}

// Park implements rt.Host.
func (w *worker) Park(d *rt.Desc, k rt.Park) {
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	w.n.parks++
	w.prevPark, w.prevGen = k, d.Gen()
	if next, yield := w.leave(d, w.pick(), actPark).Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
}

// ParkReady implements rt.Host.
func (w *worker) ParkReady(d *rt.Desc) error {
	d.Host() // panics if d does not run
	if d.Consume(rt.ForReady) {
		return nil
	}
	if d.Status().Cancelled() {
		return (*task.Ctx)(d).Err()
	}
	// As in Park, once more: each frame between here and the task's own code costs.
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	w.n.parks++
	w.prevPark, w.prevGen = rt.ForReady, d.Gen()
	if next, yield := w.leave(d, w.pick(), actPark).Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
	if d.Status().Cancelled() {
		return (*task.Ctx)(d).Err()
	}
	return nil
}

// Poll implements rt.Host: the slow path of a checkpoint.
func (w *worker) Poll(d *rt.Desc) {
	if w.over(d) {
		w.preempt(d)
	}
}

// over does what is due when the flag says so, and reports whether d has to give
// way.
func (w *worker) over(d *rt.Desc) bool {
	if d.Flag.Asked(w.Dispatch.Load()) {
		return true
	}
	if d.Flag.Budget() >= 0 {
		return false // there was a mark for an earlier dispatch
	}
	if w.ExposeWanted(d) {
		w.Hungry()
	}
	now := w.s.now()
	w.expireTimers(now)
	if w.s.home.Owed.Load() != 0 {
		w.letIn(now)
	}
	return w.slice.Spent(&d.Flag, now, w.s.cfg.quantum)
}

// preempt puts d at the back of the queue if there is anything else to run.
func (w *worker) preempt(d *rt.Desc) {
	w.checkThread()
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	n := w.pickFair()
	if n == nil {
		w.again(d)
		return
	}
	w.n.preemptions++
	if next, yield := w.leave(d, n, actRequeue).Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
}

// Sleep implements rt.Host.
func (w *worker) Sleep(d *rt.Desc, ns int64) {
	when := w.s.now() + ns
	if when < 0 {
		when = 1<<63 - 1
	}
	t := &timer{when: when, task: d}
	w.s.timers.add(t)
	w.s.mon.KickBefore(when)
	w.Park(d, rt.ForWake)
	if !d.Consume(rt.ForWake) { // cancelled
		if w.s.timers.remove(t) {
			return
		}
		for !d.Consume(rt.ForWake) {
			d.Host().Park(d, rt.ForWakeOnly)
		}
	}
}

// Spawn implements rt.Host.
func (w *worker) Spawn(fn any, x *rt.Ext) (*rt.Desc, uint32) {
	if w.s.phase.Load() >= phaseClosed {
		return nil, 0
	}
	d := w.descs.get(&w.s.descs)
	d.Start(fn, x)
	gen := d.Gen()
	w.live++
	w.n.spawned++
	w.push(d)
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
func (w *worker) Local(d *rt.Desc) {
	if old := w.next.put(d); old != nil {
		w.push(old)
		return
	}
	if w.nextSkip > 0 {
		w.nextSkip--
		return
	}
	if w.s.idle.needsWake() {
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
	w.s.wakeOne()
	if w.s.idle.sleeping() != 0 {
		// On behalf of those who still sleep, and whose requests this exposure has met:
		// the next fork exposes again and wakes one more.
		w.Forks.Thief().Ask()
	}
}

// adopt makes a task of a frame that the worker has stolen or found. It returns nil if the frame's
// parent has claimed it.
func (w *worker) adopt(f *rt.Frame) *rt.Desc {
	if !f.Claim() {
		return nil
	}
	d := w.descs.get(&w.s.descs)
	d.Start(f, &rt.Ext{Parent: (*task.Ctx)(f.Parent)})
	w.live++
	w.n.spawned++
	// A cancelled parent cancels its stolen calls. Either it finds this one, or this
	// sees that it is cancelled.
	gen := d.Gen()
	f.Parent.Ext().AddKid(d, gen)
	if f.Parent.Status().Cancelled() {
		d.Cancel(gen, rt.Default)
	}
	return d
}

// endFrame ends a task that was a stolen call. Its parent gets the failure when it
// joins.
func (w *worker) endFrame(d *rt.Desc, f *rt.Frame, failure error) {
	f.Err = failure
	p := f.Parent
	p.Ext().DropKid(d)
	w.finish(d, rt.Returned)
	if f.Finish() && p.Wake() {
		w.Local(p)
	}
}

// end ends a task that ran on this worker.
func (w *worker) end(d *rt.Desc, failure error) {
	if f, ok := d.Fn.(*rt.Frame); ok {
		w.endFrame(d, f, failure)
		return
	}
	if failure == nil {
		w.finish(d, rt.Returned)
		return
	}
	d.NeedExt().Err = failure
	t := task.HandleOf(d, d.Gen())
	pe, panicked := failure.(*task.PanicError)
	if panicked && w.s.cfg.onPanic == nil {
		crash(t, pe)
	}
	w.finish(d, rt.Failed)
	if panicked {
		w.n.panics++
		inHandler(func() {
			defer func() {
				if v := recover(); v != nil {
					crash(t, &task.PanicError{
						Value: fmt.Sprintf("%v\n\tpanic in the panic handler: %v", panicText(pe.Value), panicText(v)),
						Stack: append(append(pe.Stack, "\n[the handler]\n"...), debug.Stack()...),
					})
				}
			}()
			w.s.cfg.onPanic(t, pe)
		})
	}
}

// skips reports whether d, which has not started, is to end without. A stolen call
// is a part of its parent, which waits for its result; it sees at its yield points
// that it is cancelled.
func (w *worker) skips(d *rt.Desc) bool {
	if !d.Status().Cancelled() && w.s.phase.Load() < phaseClosed {
		return false
	}
	_, stolen := d.Fn.(*rt.Frame)
	return !stolen
}

// skip ends a task that was cancelled before it started.
func (w *worker) skip(d *rt.Desc) {
	d.Cancel(d.Gen(), rt.Closed) // for the closed scheduler; otherwise it is cancelled already
	w.finish(d, rt.Skipped)
}

// finish makes d's end known and pools its descriptor if nobody needs it.
func (w *worker) finish(d *rt.Desc, e rt.End) {
	w.Current.Store(nil)
	x := d.Ext()
	waiters, free := d.Finish(e)
	if free {
		w.descs.put(&w.s.descs, d)
	} else {
		x = d.Ext() // it may have come at the last moment
	}
	w.live--
	w.n.finished++
	if x != nil {
		x.Release()
		x.CloseDone()
	}
	if waiters != nil {
		rt.WakeAll(waiters, w.local)
	}
}

// local queues t, which has just been made runnable, if it is of this scheduler.
func (w *worker) local(t *rt.Desc) bool {
	if t.Home() != &w.s.home {
		return false
	}
	w.Local(t)
	return true
}

// letIn lets the Go scheduler run others on this P if an outsider that a
// worker made ready has been waiting for one. With a P to spare it is run elsewhere within
// microseconds, and there is nothing to do: giving up the P costs a pinned worker
// two thread switches.
func (w *worker) letIn(now int64) {
	if w.owedSince == 0 {
		w.owedSince = now
		return
	}
	if now-w.owedSince < owedPatience {
		return
	}
	w.owedSince = 0
	w.n.letIns++
	runtime.Gosched()
}

// owedPatience is twice the time that the Go runtime takes to wake a thread for a
// goroutine that a running P has made ready, if there is another P.
const owedPatience = int64(20 * time.Microsecond)

// checkThread counts moves of the worker to another thread, and binds the new one.
func (w *worker) checkThread() {
	if !w.pinned {
		return
	}
	tid := threadID()
	if tid == w.tid {
		return
	}
	if w.tid != 0 {
		w.n.moves++
	}
	w.tid = tid
	w.bind()
}

// bind binds the present thread to the worker's CPU, if it has one.
func (w *worker) bind() {
	if w.s.cpus == nil {
		return
	}
	w.bound.undo()
	if err := w.bound.bind(w.s.cpus[w.id%len(w.s.cpus)]); err != nil {
		w.s.logger().Warn("heddle: a worker's thread could not be bound", "worker", w.id, "err", err)
	}
}

// main is the worker's goroutine.
func (w *worker) main() {
	defer w.s.done.Done()
	if w.pinned {
		runtime.LockOSThread()
	}
	w.tid = threadID()
	w.bind()
	w.base = fiber.Adopt()
	for w.needLooper = true; w.needLooper; {
		w.needLooper = false
		l := w.s.newLooper()
		l.w, w.fib = w, &l.Fiber
		exchange(w.pinned, w.base, &l.Fiber)
		w.commit()
	}
	w.flush()
	w.s.loopers.put(w.idleLoopers...)
	w.idleLoopers = nil
	w.bound.undo()
	if w.pinned {
		runtime.UnlockOSThread()
	}
}
