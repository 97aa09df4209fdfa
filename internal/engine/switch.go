package engine

import (
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
	"github.com/heddle-go/heddle/task"
)

// An action is what the successor does for its predecessor, as its first step after the switch. It
// must not happen earlier, because until the switch the predecessor runs on its stack, and another
// worker that found the task in a queue could resume it on that same stack.
type action uint8

const (
	actNone         action = iota
	actRequeue             // queue worker.prev
	actPark                // make worker.prev Waiting
	actRequeueNoted        // actRequeue, and noteYield stamps the task
	actParkObserved        // actPark, and the Observer is told
	actPool                // pool worker.prevFiber
	actRetire              // end worker.prevFiber
	actTakeOver            // tell the task in the call that the relief's fiber sleeps: see spot.go
)

// A handover is what the predecessor of a switch leaves to its successor. Only the worker touches
// it.
type handover struct {
	act       action     // what commit has to do
	prev      *rt.Task   // the task that act is for
	prevGen   uint32     // prev's life, if prev parks
	prevPark  rt.Park    // what prev parks for
	prevFiber *loopFiber // the loopFiber that act is for
	takenFrom *spotCall  // the call from which a relief has just taken the worker
}

// takeAct takes act.
func (h *handover) takeAct() action {
	act := h.act
	h.act = actNone
	return act
}

// takePrev takes prev.
func (h *handover) takePrev() *rt.Task {
	d := h.prev
	h.prev = nil
	return d
}

// takePrevFiber takes prevFiber.
func (h *handover) takePrevFiber() *loopFiber {
	l := h.prevFiber
	h.prevFiber = nil
	return l
}

// takeCall takes takenFrom.
func (h *handover) takeCall() *spotCall {
	c := h.takenFrom
	h.takenFrom = nil
	return c
}

// commit is the first step after each switch, on the worker that the caller has come to. It locks
// the thread, which the predecessor has unlocked for the switch, and carries out the action.
func (w *worker) commit() {
	if w.pinned {
		runtime.LockOSThread()
	}
	switch w.takeAct() {
	case actRequeue:
		d := w.takePrev()
		w.push(d)
	case actParkObserved:
		w.observePark(w.prev, w.prevGen, w.prevPark) // before others can wake it
		fallthrough
	case actPark:
		d := w.takePrev()
		if !d.CommitPark(w.prevPark) {
			if w.Looks&rt.LookRing != 0 {
				d.TellEarly(w.prevPark)
			}
			w.pushReady(d)
			return
		}
		// Close sets the phase and then walks the tasks. So either Close finds this task Waiting,
		// or the phase is set by now. (A stolen call is cancelled by its parent.)
		if w.s.phase.Load() >= phaseClosed && !d.Stolen() {
			if _, queue := d.Cancel(w.prevGen, rt.Closed); queue {
				w.pushReady(d)
			}
		}
	case actRequeueNoted:
		d := w.takePrev()
		w.noteYield(d)
		w.push(d)
	case actPool:
		w.fibers.keep(w.takePrevFiber())
	case actTakeOver:
		w.takeCall().asleep.Store(true) // (Spot-T3)
	case actRetire:
		w.s.fiberPool.Retire(w.takePrevFiber())
	}
}

// begin makes d the worker's current task. It is one of the last steps before d's function is
// called or the worker switches to d's stack. If w.noted is not 0, the caller calls noteDispatch
// first, because begin has to inline.
func (w *worker) begin(d *rt.Task) {
	d.Run(&w.Worker)
	w.slice.Begin(d.Flag())
}

// again begins a new slice for d, which offered its turn but goes on, because the worker has no
// other task to run. For the monitor this is a new dispatch.
func (w *worker) again(d *rt.Task) {
	w.Dispatch.Store(w.Dispatch.Load() + 1)
	w.n.counted++ // not a dispatch for Stats
	w.slice.Begin(d.Flag())
}

// coldAfter is the time in milliseconds after which a waiting task's memory has probably left the
// caches, so that prepareSwitch prefetches it. The processor then fetches some twenty cache lines
// side by side, and not one after the other as the switch and the task come to need them. In
// BenchmarkActorTree, where 200,000 tasks wait, that takes a tenth off the CPU time.
const coldAfter = 2

// prepareSwitch prepares the switch from the running task d to n. If n has not started, the switch
// leads to a loop fiber that starts n, and if n is nil, to a loop fiber that looks for work. act is
// what the successor does for d. prepareSwitch returns d's fiber. As its next step the caller has
// to call the fiber's Next or Yield: see fiber.Fiber.Take.
func (w *worker) prepareSwitch(d, n *rt.Task, act action) *fiber.Fiber {
	self := w.Fib.Load()
	self.NoteStack()
	now := w.s.coarse.Load()
	self.Since.Store(now)
	var to *fiber.Fiber
	if n != nil {
		to = n.Fib()
	}
	if to == nil || now-to.Since.Load() >= w.slowAfter {
		to = w.beginSlow(n, now)
	} else {
		w.begin(n)
	}
	d.SetFib(self)
	w.act, w.prev = act, d
	w.Fib.Store(to)
	self.Take(to)
	if w.pinned {
		// The thread is unlocked for the switch, so that any worker may resume the coroutine later
		// (ARCHITECTURE.md, facts 1 and 2), and for nothing else: the caller exchanges itself next,
		// and commit locks the thread again.
		runtime.UnlockOSThread()
	}
	return self
}

// beginSlow is the part of prepareSwitch for an n whose memory is cold, that has not started or is
// nil, or whose dispatch may be noted. It returns the fiber to switch to. It is one function, and
// not inlined, because prepareSwitch then makes no other call before UnlockOSThread, and keeps its
// variables in registers.
//
//go:noinline
func (w *worker) beginSlow(n *rt.Task, now uint32) *fiber.Fiber {
	since := w.waitedAt
	w.waitedAt = 0
	if n == nil || n.Fib() == nil {
		w.SetCurrent(nil)
		return w.takeFiber(n)
	}
	to := n.Fib()
	waited := now - to.Since.Load()
	if n.Status().Stamped() {
		waited -= longAgo // see dispatchSlowly
	}
	if waited >= coldAfter {
		to.Warm()
	}
	if w.noted != 0 {
		w.noteDispatch(n, since)
	}
	w.begin(n)
	return to
}

// preparePark tells commit that d parks for the event that k names. It is small enough to
// inline.
func (w *worker) preparePark(d *rt.Task, k rt.Park) {
	w.n.parks++
	w.prevPark, w.prevGen = k, d.Gen()
}

// resume is the first step of d when it runs again, perhaps on another worker than before.
func resume(d *rt.Task) { workerOf(d).commit() }

// Yield implements rt.Host. The caller is usually the worker's current task. If Yield was called on
// another task's Ctx, the caller is another task, and Yield finds out which.
func (w *worker) Yield() {
	d := w.Current.Load()
	if d == nil || !w.Fib.Load().IsCurrent() {
		if d = rt.Current(); d == nil {
			runtime.Gosched()
			return
		}
		if on := d.Worker(); on != &w.Worker {
			on.Host.Yield()
			return
		}
	}
	w.shareForks(d)
	n := w.pick()
	if n == nil && !w.halting() {
		if n = w.stealOnce(); n == nil {
			if n = w.turns.takeOtherLow(&w.s.inj, d); n == nil {
				w.again(d)
				return
			}
		}
	}
	w.n.yields++
	if self := w.prepareSwitch(d, n, w.onYield); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
}

// Park implements rt.Host.
func (w *worker) Park(d *rt.Task, k rt.Park) {
	w.shareForks(d)
	w.preparePark(d, k)
	if self := w.prepareSwitch(d, w.pick(), w.onPark); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
}

// ParkFor implements rt.Host.
func (w *worker) ParkFor(d *rt.Task, k rt.Park, t *rt.Task, gen uint32) {
	w.wish.set(t, gen, &w.s.shared)
	// This repeats the tail of Park, because each frame between the switch and the task's code
	// costs 5 ns.
	w.shareForks(d)
	w.preparePark(d, k)
	n := w.pick()
	w.wish.t = nil // pick may have found another task before it looked at the wish
	if self := w.prepareSwitch(d, n, w.onPark); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
}

// ParkReady implements rt.Host.
func (w *worker) ParkReady() error {
	d := w.Current.Load()
	if d == nil || !w.Fib.Load().IsCurrent() {
		if d = rt.Current(); d == nil {
			panic("task: Park called by a goroutine that is no task, or a function of Blocking: only tasks have a token to wait for")
		}
		if on := d.Worker(); on != &w.Worker {
			return on.Host.ParkReady()
		}
	}
	if d.Happened(rt.ForReady) {
		if d.TakeToken() {
			return nil
		}
		return (*task.Ctx)(d.Life()).Cause()
	}
	// This repeats the tail of Park for the same reason as ParkFor does.
	w.shareForks(d)
	w.preparePark(d, rt.WaitReady.Park(rt.ForReady))
	if self := w.prepareSwitch(d, w.pick(), w.onPark); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
	if d.Status().Cancelled() {
		return (*task.Ctx)(d.Life()).Cause()
	}
	return nil
}

// Poll implements rt.Host. It makes d give way if mustYield says so.
func (w *worker) Poll(d *rt.Task) {
	if w.mustYield(d) {
		w.preempt(d)
	}
}

// mustYield is the slow path of a checkpoint, for a d whose budget is spent or whose flag sysmon
// has marked. It reports whether d has to give way. It has if sysmon has asked this dispatch. If
// the budget is spent, mustYield first exposes the calls that thieves want, fires timers and lets
// outsiders in.
func (w *worker) mustYield(d *rt.Task) bool {
	if d.Flag().Asked(w.Dispatch.Load()) {
		return true
	}
	if d.Flag().Budget() >= 0 {
		return false // the mark was for an earlier dispatch
	}
	if w.ExposeWanted(d) {
		w.WakeThief()
	}
	now := w.s.now()
	w.expireTimers(now)
	if w.s.shared.ReadyGoroutines.Load() != 0 {
		w.letIn(now)
	}
	return w.slice.Spent(d.Flag(), now, w.s.quantum.Load()) || w.turns.outranked(&w.s.inj, w.tick, d) || w.halting()
}

// preempt makes d give way, and puts it at the back of the queue, if there is another task to run.
func (w *worker) preempt(d *rt.Task) {
	w.checkThread()
	w.shareForks(d)
	w.chain.cut()
	n := w.pickFair()
	if n == nil && !w.halting() {
		if n = w.turns.takeOtherLow(&w.s.inj, d); n == nil {
			w.again(d)
			return
		}
	}
	w.n.preemptions++
	if self := w.prepareSwitch(d, n, w.onYield); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
}

// Sleep implements rt.Host.
func (w *worker) Sleep(d *rt.Task, ns int64) {
	ts := &w.s.timers
	t := ts.Borrow(d)
	t.Fib = w.Fib.Load()
	now := ts.Now()
	w.timers.Arm(t, rt.After(now, time.Duration(ns)))
	// The tail of Park again, with pickDue in place of pick.
	w.shareForks(d)
	w.preparePark(d, rt.WaitSleep.Park(rt.ForWake))
	if self := w.prepareSwitch(d, w.pickDue(now), w.onPark); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
	slept(ts, d, t)
}

// slept ends the sleep of d, whose timer is t. If d was cancelled, slept disarms t. If t has fired
// meanwhile, slept waits for its wake-up, because that must not come during a later wait.
func slept(ts *timers.Set, d *rt.Task, t *rt.Timer) {
	if !d.Woken() { // cancelled
		if ts.Disarm(t) {
			return
		}
		d.AwaitWakeFor(rt.WaitSleep)
	}
	ts.Return(t)
}
