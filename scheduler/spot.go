package scheduler

import (
	"runtime"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/rt"
)

// A call on the spot: task.Ctx.Blocking calls its function on the task's own stack and thread,
// which costs no switch. While it runs, nothing serves the worker's queues. If that lasts, and
// there is work, a blocker relieves the task of its worker: it goes on as the worker with another
// fiber, and the task, when the function returns, finds its worker gone and goes back to the queue.
// So what moves is the goroutine under the worker; its queues, number and counters stay where they
// are.
//
//	task in the call                         relief, a blocker              a goroutine that queues a task
//	E1 Active -> Waiting; the worker         A1 lower the alert             P1 queue it
//	   names no task and no fiber            A2 look for workers that       P2 load state: a worker is inside
//	E2 store the time in spot; count            are inside, and for work       and none searches
//	   the worker as inside                  T1 CAS spot from that time     P3 wake one that sleeps, or else
//	E3 look for work; if there is some,         to 0                           raise the alert
//	   do as P2 and P3                       T2 switch to a loopFiber of the
//	   call the function                        worker
//	E4 CAS spot from that time to 0          T3 commit: note that the
//	E5 if that fails, wait for T3               relief's fiber sleeps
//	E6 exchange places with that fiber       T4 wake and queue the task
//
// No work is left behind. P2 comes after E2, and sees the worker; or E3 comes after P1, and sees
// the work. A caller that finds the alert raised has come before A1, so A2 sees what it saw. The
// relief may find that the call is young: then it raises the alert again for itself, lets the Go
// scheduler run others, and looks again. If it finds a worker that sleeps it wakes that one
// instead, by the rules of the sleep/wake protocol, and leaves the call alone.
//
// The worker is one goroutine's at any time. E4 and T1 change the same word, so one of them is
// first. Before that all of the worker is the task's, afterwards, if T1 was first, the relief's and
// then its loop fibers'; the task keeps its own fiber and the spotCall, and touches the worker no more.
// All calls of a worker have different times, also where the clock stands still. So neither E4 nor
// T1 can meet another call than the one whose time it has read: a task that comes back late never
// finds its time again, although others have made calls on its worker meanwhile.
//
// No fiber is switched to while it runs. The relief's fiber is given to the task by T3, when it
// sleeps, and only the task switches to it. The task's fiber sleeps from E6 on, and only then T4
// makes the task one that others find: only the relief wakes a task from a wait for WakeOnly.
//
// How the alert becomes a turn of the relief: it is a goroutine that is ready to run. If the
// function blocks in a system call, the Go runtime takes the P away from the thread, after 20 us at
// the earliest as for any goroutine, and the first thing that this P runs is the relief. If the
// function returns before that, the relief has not run, and the next call finds the alert raised.
// So short calls pay nothing for it. With idle Ps a relief runs at once and finds nothing; so the
// number of calls that raise no alert doubles with each relief in vain, and sysmon looks after
// those that are long.
type spot struct {
	since atomicx.Int64 // when the task entered the call; 0: the worker is in no call, or was taken
	last  int64         // when the last call was entered. The worker's own
}

// enter is the first half of E2. It returns the time, which is that of no other call of the worker.
func (p *spot) enter(now int64) (since int64) {
	since = max(now, p.last+1)
	p.last = since
	p.since.Store(since) // from here on the worker, and p.last, may be the relief's
	return since
}

// entered returns when the present call was entered, or 0.
func (p *spot) entered() int64 { return p.since.Load() }

// end is E4 or T1, for the call that was entered at since. It reports whether the caller has the
// worker now.
func (p *spot) end(since int64) bool { return p.since.CompareAndSwap(since, 0) }

// A spotCall is what the task and its relief tell each other.
type spotCall struct {
	d      *rt.Task
	kind   *rt.CallKind
	relief *fiber.Fiber // set by the relief, before it sets asleep
	asleep atomicx.Bool // the relief's fiber sleeps (T3)
}

// relief is the alert, and how often it was of use.
type relief struct {
	raised atomicx.Bool
	skip   atomicx.Int64 // how many chances to raise it to leave out
	vain   atomicx.Int64 // how often in a row a relief was in vain, as far as mostVain
}

// raise is P3. It reports whether the caller has to start a relief.
func (r *relief) raise() bool { return !r.raised.Load() && r.raised.CompareAndSwap(false, true) }

// lower is A1.
func (r *relief) lower() { r.raised.Store(false) }

// skips reports whether to leave this chance out.
func (r *relief) skips() bool {
	n := r.skip.Load()
	if n > 0 {
		r.skip.Store(n - 1)
	}
	return n > 0
}

// went notes how a relief went.
func (r *relief) went(inVain bool) {
	var n int64
	if inVain {
		n = min(r.vain.Load()+1, mostVain)
	}
	r.vain.Store(n)
	r.skip.Store(1<<n - 1)
}

const mostVain = 6

// longSpot is how old a call has to be, in nanoseconds, before its worker is taken: as old as a
// system call that costs a goroutine its P.
const longSpot = 20_000

// manyLooks is more than a relief takes for one call to grow old, if the clock goes.
const manyLooks = 256

// Call implements rt.Host.
func (w *worker) Call(d *rt.Task, fn func(), kind *rt.CallKind) bool {
	s := w.s
	if w.fixed || s.cpus != nil || !s.block.enter() {
		return false // the thread must not change; or too many calls
	}
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	c := w.call
	c.d, c.kind = d, kind
	self := w.Fib.Load()
	self.Since.Store(s.coarse.Load())
	d.SetFib(self)
	d.CommitPark(rt.WaitBlocking.Park(rt.ForWakeOnly)) // (E1)
	w.Current.Store(nil)
	w.Fib.Store(nil)
	since := w.spot.enter(s.now()) // (E2)
	s.idle.GoInside()
	if w.leavesWork() { // (E3)
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
		why, _ := rt.Unwinding(0)
		w.endCall(c, self, since)
		if why == rt.Panicking {
			panic(panicErrorOf(recover()))
		}
	}()
	fn()
	returned = true
	w.endCall(c, self, since)
	return true
}

// leavesWork reports whether there is anything that the worker would run next.
func (w *worker) leavesWork() bool {
	return w.next.full() || !w.runq.Thief().Empty() || w.s.inj.Normal() != 0 || w.s.inj.AnyRanked() || !w.Forks.Thief().Empty()
}

// endCall is E4 to E6. The worker on which the task is afterwards need not be w.
func (w *worker) endCall(c *spotCall, self *fiber.Fiber, since int64) {
	s, d := w.s, c.d
	if w.spot.end(since) { // (E4)
		s.idle.GoOutside()
		if w.pinned {
			runtime.LockOSThread()
			w.roams = true
		}
		d.Wake()
		w.Fib.Store(self)
		w.Current.Store(d)
		c.kind.Took(s.now() - since)
		s.leaveCalls()
		return
	}
	s.leaveCalls()
	for !c.asleep.Load() { // (E5)
		runtime.Gosched()
	}
	self.Mark()
	if next, yield := self.Take(c.relief).Turn(); next != nil { // (E6)
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
}

// relieve raises the alert, unless this was in vain lately.
func (s *Scheduler) relieve() {
	if r := &s.relief; !r.raised.Load() && !r.skips() {
		s.relieveAll()
	}
}

// relieveAll raises the alert, if a worker is inside a call, and reports whether it has.
func (s *Scheduler) relieveAll() (raised bool) {
	if s.idle.Inside() == 0 || !s.relief.raise() {
		return false
	}
	s.giveRelief()
	return true
}

// relieveLong is sysmon's look for long calls. It reports whether there was anything to do.
func (s *Scheduler) relieveLong(now int64) (any bool) {
	if s.idle.Inside() == 0 {
		return false
	}
	work := s.worksForRelief()
	for _, w := range s.workers() {
		if since := w.spot.entered(); since != 0 && now-since >= longSpot && (work || w.leavesWork()) {
			return s.relieveAll()
		}
	}
	return false
}

// worksForRelief reports whether there is something to do for a relief of any worker. Besides,
// there is what a worker itself leaves.
func (s *Scheduler) worksForRelief() bool { return s.pause.on.Load() || s.visibleWork() }

// takeOne is A1 to T4: what a relief does.
func (s *Scheduler) takeOne() {
	r := &s.relief
	for looks := 0; ; looks++ {
		r.lower() // (A1)
		paused := s.pause.on.Load()
		if !paused && s.idle.Sleeping() > 0 {
			if s.visibleWork() {
				s.wakeOne()
			}
			break
		}
		young, work := false, s.worksForRelief()
		for _, w := range s.workers() { // (A2)
			since := w.spot.entered()
			if since == 0 || !work && !w.leavesWork() {
				continue
			}
			if !paused && s.now()-since < longSpot {
				young = true
				continue
			}
			if w.spot.end(since) { // (T1)
				s.idle.GoOutside()
				r.went(false)
				if paused || s.visibleWork() {
					s.relieveAll() // there may be more
				}
				s.takeOver(w)
				return
			}
			young = true
		}
		if !young {
			break
		}
		if !r.raise() {
			return // by another
		}
		if looks < manyLooks {
			runtime.Gosched()
		} else {
			time.Sleep(time.Duration(longSpot)) // the clock may stand still until all sleep: see testing/synctest
		}
	}
	r.went(true)
}

// takeOver has the calling goroutine go on as w, until the task that was in the call comes back.
func (s *Scheduler) takeOver(w *worker) {
	c := w.call
	w.call = &spotCall{}
	c.relief = fiber.Adopt()
	c.kind.Held()
	w.roams = true
	w.act, w.left = actTakeOver, c
	to := w.takeFiber(nil)
	w.Fib.Store(to)
	fiber.Switch(c.relief, to) // (T2)
	if c.d.Wake() {            // (T4)
		s.inject(c.d)
	}
}
