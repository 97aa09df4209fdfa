package engine

import (
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/rt"
)

// Calls on the spot: task.Ctx.Blocking calls its function on the task's own stack and thread. If
// the call lasts and there is work for the worker, another goroutine, the relief, takes the worker
// over. internal/offload/doc.go has the steps, Spot-E1 to Spot-E6, Spot-A1, Spot-A2 and Spot-T1 to
// Spot-T4, and the argument.

// A spotCall is what a task in a call on the spot and its relief tell each other. A worker has one
// for its present or next call. When a relief takes the worker, the task keeps the spotCall, and
// the worker gets a new one.
type spotCall struct {
	d      *rt.Task
	kind   *rt.CallKind
	relief *fiber.Fiber // set by the relief, before it sets asleep
	asleep atomicx.Bool // the relief's fiber sleeps (Spot-T3)
}

// longSpot is the age in nanoseconds at which a relief may take the worker of a call. It is the
// time after which the Go runtime takes the P of a goroutine in a system call.
const longSpot = 20_000

// manyRounds is more than the number of rounds that a relief takes until a call is old enough.
// After so many, takeOne sleeps instead of calling Gosched, because the clock may stand still.
const manyRounds = 256

// Call implements rt.Host.
func (w *worker) Call(d *rt.Task, fn func(), kind *rt.CallKind) bool {
	s := w.s
	if w.fixed || s.cfg.CPUs != nil || !s.offload.Enter() {
		return false // the worker must keep its thread; or too many calls run
	}
	w.shareForks(d)
	if w.Looks != 0 {
		fn = look.AtCall(d, fn)
		if w.countsRuns() {
			w.runStops(d)
		}
	}
	c := w.call
	c.d, c.kind = d, kind
	self := w.Fib.Load()
	self.Since.Store(s.coarse.Load())
	d.SetFib(self)
	d.CommitPark(rt.WaitBlocking.Park(rt.ForWakeOnly)) // (Spot-E1)
	w.SetCurrent(nil)
	w.Fib.Store(noFiber)
	since := w.spot.Enter(s.now()) // (Spot-E2)
	s.idle.GoInside()
	if w.hasWork() { // (Spot-E3)
		s.wakeOne()
	}
	if w.pinned {
		runtime.UnlockOSThread()
	}
	returned := false
	defer func() {
		if returned {
			return
		}
		unwind, _ := rt.Unwinding(0)
		w.endCall(c, self, since)
		if unwind == rt.Panicking {
			panic(panicErrorOf(recover()))
		}
	}()
	fn()
	returned = true
	w.endCall(c, self, since)
	return true
}

// noFiber stands for the running fiber on a worker that runs none.
var noFiber = fiber.Adopt()

// hasWork reports whether there is a task or a forked call that the worker would run next.
func (w *worker) hasWork() bool {
	return w.next.full() || !w.runq.Thief().Empty() || !w.children.Thief().Empty() || w.s.inj.Normal() != 0 || w.s.inj.AnyRanked() || !w.Forks.Thief().Empty()
}

// endCall is Spot-E4 to Spot-E6. Afterwards the task may be on another worker than w.
func (w *worker) endCall(c *spotCall, self *fiber.Fiber, since int64) {
	s, d := w.s, c.d
	if w.spot.End(since) { // (Spot-E4)
		s.idle.GoOutside()
		if w.pinned {
			runtime.LockOSThread()
			w.roams = true
		}
		d.Wake()
		w.Fib.Store(self)
		w.SetCurrent(d)
		if w.countsRuns() {
			w.runResumes(d)
		}
		c.kind.Took(s.now() - since)
		s.offload.Leave()
		return
	}
	s.offload.Leave()
	for !c.asleep.Load() { // (Spot-E5)
		runtime.Gosched()
	}
	self.NoteStack()
	self.Take(c.relief)
	if self.AtNext() { // (Spot-E6)
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
}

// worksForRelief reports whether a relief would find something to do on any worker, apart from the
// work in that worker's own queues (hasWork). During a pause it would: it makes the worker sleep,
// and Pause waits for that.
func (s *Scheduler) worksForRelief() bool { return s.pause.on.Load() || s.visibleWork() }

// A relief is a blocker that takes over a worker whose task is in a call.
type relief struct{ s *Scheduler }

// takeOne is Spot-A1 to Spot-T4, the work of a relief. It takes over one worker at most.
func (r relief) takeOne() {
	s := r.s
	alert := &s.alert
	for rounds := 0; ; rounds++ {
		alert.Lower() // (Spot-A1)
		paused := s.pause.on.Load()
		if !paused && s.idle.Sleeping() > 0 {
			if s.visibleWork() {
				s.wakeOne()
			}
			break
		}
		young, work := false, s.worksForRelief()
		for _, w := range s.workers() { // (Spot-A2)
			since := w.spot.Entered()
			if since == 0 || !work && !w.hasWork() {
				continue
			}
			if !paused && s.now()-since < longSpot {
				young = true
				continue
			}
			if w.spot.End(since) { // (Spot-T1)
				s.idle.GoOutside()
				alert.Went(false)
				if paused || s.visibleWork() {
					s.relieveAll() // there may be more
				}
				r.takeOver(w)
				return
			}
			young = true
		}
		if !young {
			break
		}
		if !alert.Raise() {
			return // another party has raised it, so another relief comes
		}
		if rounds < manyRounds {
			runtime.Gosched()
		} else {
			// In a bubble of testing/synctest the clock stands still until all goroutines block.
			time.Sleep(time.Duration(longSpot))
		}
	}
	alert.Went(true)
}

// takeOver makes the calling goroutine go on as w, until the task of the call comes back.
func (r relief) takeOver(w *worker) {
	c := w.call
	w.call = &spotCall{}
	c.relief = fiber.Adopt()
	c.kind.Held()
	w.roams = true
	w.act, w.takenFrom = actTakeOver, c
	to := w.takeFiber(nil)
	w.Fib.Store(to)
	fiber.Switch(c.relief, to) // (Spot-T2)
	if c.d.Wake() {            // (Spot-T4)
		r.s.inject(c.d)
	}
}
