package engine

import (
	"context"
	"math/rand/v2"

	"github.com/heddle-go/heddle/internal/look"
	"github.com/heddle-go/heddle/internal/rt"
)

// An rt.Look has what a task notes about itself for people to read: at its start (noteStart), and
// before and after each wait (suspend in looked.go). If no option asks for such notes, tasks get a
// Host that takes none.

// A notebook is what a worker needs to note the dispatches and waits of its tasks, if options of
// the scheduler ask for that. gauge.go and this file have its methods. Only the worker touches it,
// except that wakers and readers load gauge, which does not change.
type notebook struct {
	worker  int // the worker's id
	looks   rt.Looks
	clock   *clock
	cfg     *Config
	profile *look.WaitProfile
	ring    *look.Ring // the worker's

	notesReady bool      // the next task that becomes runnable here is noted: see gauge.go
	noted      rt.Status // the dispatch of a task with any of these bits is noted: see gauge.go
	heeded     rt.Status // noted and rt.BitCancelled: see heeds
	slowAfter  uint32    // coldAfter, or 0 if each dispatch is noted: see prepareSwitch
	observed   bool      // there is an Observer
	onYield    action    // what commit does for a task that yields: actRequeue or actRequeueNoted
	onPark     action    // what commit does for a task that parks: actPark or actParkObserved
	gauge      *gauge    // nil without scheduler.WithLatencies and scheduler.WithObserver
	waitedAt   int64     // when the task that leaves began its wait; 0: not known, or long ago
}

// needLook is the set of looks for which every task needs an rt.Look.
const needLook = rt.LookWaits | rt.LookSites | rt.LookTrace | rt.LookRing

// noteStart prepares the extension x of a task that is about to start. If the task needs an
// rt.Look, noteStart adds one, to a new extension if x is nil. starter is the task that starts it,
// or nil. noteStart returns the extension. Call it only if looks is not 0.
func noteStart(looks rt.Looks, x *rt.Extra, starter *rt.Task) *rt.Extra {
	var labels context.Context
	if looks&rt.LookLabels != 0 && x != nil && x.Name != "" {
		labels = look.NameLabels(x)
	}
	if looks&needLook == 0 && labels == nil {
		return x
	}
	x = x.Own()
	k := &rt.Look{Labels: labels}
	if starter != nil {
		k.Starter = rt.HandleOf(starter, starter.Gen())
	}
	if looks&rt.LookSites != 0 {
		k.Stacks = new(rt.Stacks)
		look.UserStack(&k.Stacks.Started)
		k.Started = k.Stacks.Started[0]
	}
	x.Look = k
	return x
}

// noteSubmit is noteStart for a task that does not come by Spawn. It finds the starter: the task
// that the caller runs as, or for whose blocking call the caller runs.
func noteSubmit(looks rt.Looks, x *rt.Extra) *rt.Extra {
	d := rt.Current()
	if d == nil {
		if d = rt.Inside(); d != nil {
			if f, ok := d.Fn().(*rt.Frame); ok {
				d = f.Forker // the caller is a function of that task's Blocking
			}
		}
	}
	return noteStart(looks, x, d)
}

// A waitNote has what back needs to know of a wait.
type waitNote struct {
	look  *rt.Look        // nil if the task does not note its waits
	trace *look.TaskTrace // nil without LookTrace
	timed bool            // the wait may be sampled
	began int64           // if timed
}

// noteWait notes that the running task d is about to wait. end is as for suspend. The caller calls
// back after the wait.
func (b *notebook) noteWait(d *rt.Task, k rt.Park, end rt.Handle) (n waitNote) {
	n.look = b.beginWait(d, k, end)
	if b.countsRuns() {
		b.waitedAt = b.runStops(d)
	}
	if n.timed = b.looks&rt.LookTimes != 0 && !look.Uncounted(k.WaitReason()); n.timed {
		n.began = b.clock.now()
	}
	if n.trace = look.TraceOf(d); n.trace != nil {
		n.trace.Wait(k.WaitReason())
	}
	if b.looks&rt.LookRing != 0 {
		b.ringEnd(k.WaitReason().String())
	}
	return n
}

// back notes that the wait k of the running task d is over. Only suspend and wait may call it, and
// only methods of rt.Host may call those two, because sampleWait drops these frames from the stack
// by their number.
func (n *waitNote) back(d *rt.Task, k rt.Park) {
	if n.timed {
		w := workerOf(d)
		w.sampleWait(w.rng, k.WaitReason(), w.s.now()-n.began)
	}
	if n.look != nil {
		n.look.End()
	}
	if n.trace != nil {
		n.trace.Run()
	}
}

// beginWait is called before a wait of the running task d. If d notes its waits, beginWait notes
// this one and returns d's rt.Look, whose End the caller has to call after the wait. Otherwise it
// returns nil.
func (b *notebook) beginWait(d *rt.Task, k rt.Park, end rt.Handle) *rt.Look {
	x := d.Extra()
	if x == nil || x.Look == nil || b.looks&rt.LookWaits == 0 {
		return nil
	}
	x.Look.Begin(k.WaitReason(), end, look.UserStack)
	return x.Look
}

// sampleWait decides whether to sample a wait of the running task that took ns, and if so counts
// it. A wait shorter than the rate is sampled with probability ns/rate, and counts for rate/ns
// waits.
func (b *notebook) sampleWait(rng *rand.Rand, y rt.WaitReason, ns int64) {
	rate := int64(b.cfg.WaitRate)
	ns = max(ns, 1)
	switch {
	case ns >= rate:
		b.profile.Add(5, y, 1, float64(ns))
	case rng.Int64N(rate) < ns:
		b.profile.Add(5, y, float64(rate)/float64(ns), float64(rate))
	}
}

// The tasks of a scheduler with scheduler.WithWaits count their dispatches and the time that they
// have run (rt.Runs), for TaskInfo. A dispatch begins in noteDispatch. It ends in noteWait if the
// task waits, and in noteYield if the task gives way: before commit queues the task, because then
// another worker may run it. A call on the spot does not count as time that the task runs.
//
// If the worker switches straight from a task that waits to another task, the new dispatch begins
// at the time at which the old one ended (notebook.waitedAt), which saves a reading of the clock.
// So the time that the worker took to find the new task counts as the new task's.

// countsRuns reports whether the worker's tasks count their dispatches.
func (b *notebook) countsRuns() bool { return b.looks&rt.LookWaits != 0 }

// runsOf returns the Runs of d, or nil if d has none.
func runsOf(d *rt.Task) *rt.Runs {
	if x := d.Extra(); x != nil && x.Look != nil {
		return &x.Look.Runs
	}
	return nil
}

// runBegins notes that a dispatch of d begins, at the time now, or at the present time if now is 0.
func (b *notebook) runBegins(d *rt.Task, now int64) {
	if r := runsOf(d); r != nil {
		if now == 0 {
			now = b.clock.now()
		}
		r.Begin(now)
	}
}

// runStops notes that d no longer runs. It returns the time, or 0 if d has no Runs.
func (b *notebook) runStops(d *rt.Task) (now int64) {
	if r := runsOf(d); r != nil {
		now = b.clock.now()
		r.Stop(now)
	}
	return now
}

// runResumes notes that d runs again after a call on the spot.
func (b *notebook) runResumes(d *rt.Task) {
	if r := runsOf(d); r != nil {
		r.Resume(b.clock.now())
	}
}

// beginLooked is called before the function of d, which is about to run for the first time.
func (b *notebook) beginLooked(d *rt.Task, x *rt.Extra) {
	if b.looks&rt.LookTrace != 0 && x.Name != "" {
		t := look.NewTaskTrace(x.Name)
		x.Look.Trace = t
		t.Run()
	}
}

// endLooked is called on the goroutine of the task that k belongs to when the task's function is
// over, and so are the calls that the function left open.
func (b *notebook) endLooked(k *rt.Look) {
	if t, ok := k.Trace.(*look.TaskTrace); ok {
		t.End()
	}
	if b.looks&rt.LookRing != 0 {
		b.ringEnd("end")
	}
}

// keepsRing reports whether the worker keeps its last dispatches: see scheduler.WithDispatchRing.
func (b *notebook) keepsRing() bool { return b.looks&rt.LookRing != 0 }

// ringBegin notes that a dispatch of d begins, and that the worker's last one is over.
func (b *notebook) ringBegin(d *rt.Task) { b.ring.Begin(d, b.clock.now(), b.cfg.Ring) }

// ringEnd notes that the worker's present dispatch is over: see look.Ring.End.
func (b *notebook) ringEnd(wait string) { b.ring.End(b.clock.now(), wait) }

// ringWake notes that the worker has made d runnable: for a timer, if firing is true, and otherwise
// for the task that runs on the worker or has just ended there. Call it before d is queued.
func (b *notebook) ringWake(d *rt.Task, firing bool) {
	if x := d.Extra(); x != nil && x.Look != nil {
		x.Look.Woken = b.waking(firing)
	}
}

// waking describes what the worker does now as the waker of a task.
func (b *notebook) waking(firing bool) rt.Waking {
	by := rt.ByTask
	if firing {
		by = rt.ByTimer
	}
	return rt.Waking{By: by, Worker: b.worker, At: b.clock.now()}
}

// waking describes the caller as the waker of a task. by is ByTimer if a timer wakes the task, and
// otherwise ByUnknown.
func (s *Scheduler) waking(by rt.Waker) rt.Waking {
	if by == rt.ByUnknown {
		if w := currentWorker(); w != nil && w.s == s {
			return w.waking(w.firing)
		}
		by = rt.ByGoroutine
	}
	return rt.Waking{By: by, At: s.now()}
}

// noteWake is ringWake for a caller that runs on no worker of s.
func (s *Scheduler) noteWake(d *rt.Task, by rt.Waker) {
	if x := d.Extra(); x != nil && x.Look != nil {
		x.Look.Woken = s.waking(by)
	}
}

// stole notes that w has taken d from v.
func (b *notebook) stole(d *rt.Task, v *worker) {
	if b.keepsRing() {
		b.ring.Stole(d, v.id)
	}
}
