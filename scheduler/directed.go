package scheduler

import (
	"errors"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A directed scheduler has one worker, which is a goroutine, and an rt.Director that says which
// task runs next. It is for package schedtest. Its worker has another implementation of rt.Host,
// directed, and differs from others in four more places, none of which costs them anything:
//
//   - injector.ranked is never 0, as if a high task were queued. That leads pick, which every
//     look for work calls, to takeRanked, and that to direct.
//   - The descriptors have a mark (preempt.Flag.Ask) that is never taken away, so each Checkpoint
//     takes its slow path.
//   - sysmon does not run: nothing depends on real time. The worker itself waits for timers.
//   - The worker keeps the tasks that can run in directing.ready, and moves there what comes into
//     its queues.
//
// Time. In a bubble of testing/synctest, time stands still until every goroutine of the bubble is
// blocked. The worker blocks only if no task can run, and then until the first timer is due.
//
// When the run is over (Director.Over), no task may go on: one can wait for a lock that will
// never be free. So each ends by runtime.Goexit at the yield point where it stands, and so do
// those that wait, which the worker makes runnable for that. Their deferred functions run. In
// these, yield points are passed, and what would wait calls Goexit anew. A task that waits for a
// blocking call, or for a stolen call, is left until that ends, because no goroutine can be made
// to end.
type directing struct {
	rt.Director
	ready   []*rt.Task
	over    bool
	unwinds map[*rt.Task]bool // tasks that have been made to end; set when over
	stuck   atomic.Bool       // the timer that says that there is nothing to wait for has fired
}

// never is for how long a directed worker waits for what is no timer of the scheduler: a month,
// which is later than what programs set timers of the standard library to. A goroutine with a
// ticker of a second is through in some seconds.
const never = 30 * 24 * time.Hour

func init() {
	rt.NewDirected = func(dir rt.Director, opts any) (any, error) {
		return newDirected(dir, opts.([]Option))
	}
}

// newDirected is New for a directed scheduler. Of the options, those that say how many workers
// there are and what they run on have no effect.
func newDirected(dir rt.Director, opts []Option) (*Scheduler, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	if cfg.clock != nil {
		return nil, errors.New("scheduler: WithClock under schedtest: leave it out, the time is the bubble's")
	}
	cfg.workers, cfg.follow, cfg.pinning, cfg.stallAfter = 1, false, None, 0
	if cfg.onPanic == nil {
		cfg.onPanic = func(t task.Task, pe *task.PanicError) { dir.Panicked(rt.Handle(t), pe) }
	}
	s, err := newScheduler(cfg)
	if err != nil {
		return nil, err
	}
	s.dir = &directing{Director: dir}
	s.taskPool.MarkAll()
	s.inj.Direct(s.wakeBlocked)
	s.grow(1)
	return s, nil
}

// directed is a worker of a directed scheduler as its tasks see it.
type directed worker

var _ rt.DirectedHost = (*directed)(nil)

// workerOf returns the worker on which d runs, or ran last.
func workerOf(d *rt.Task) *worker {
	h := d.Worker().Host
	if w, ok := h.(*worker); ok {
		return w
	}
	return (*worker)(h.(*directed))
}

// Director implements rt.DirectedHost.
func (h *directed) Director() rt.Director { return h.s.dir.Director }

// Yield implements rt.Host.
func (h *directed) Yield(d *rt.Task) {
	w := (*worker)(h)
	if !d.IsCurrent() {
		if d = rt.Current(); d == nil {
			runtime.Gosched()
			return
		}
		w = workerOf(d)
		if w.s.dir == nil {
			w.Yield(d)
			return
		}
	}
	w.endIfOver(d, true)
	w.point(d, true)
}

// Poll implements rt.Host: a yield point.
func (h *directed) Poll(d *rt.Task) {
	w := (*worker)(h)
	w.endIfOver(d, false)
	w.point(d, false)
}

// point asks the director whether d, which runs, goes on.
func (w *worker) point(d *rt.Task, yields bool) {
	dir := w.s.dir
	if dir.over {
		return
	}
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	w.collect()
	n := w.choose(d, yields)
	if n == d || dir.over {
		w.endIfOver(d, false)
		return
	}
	if yields {
		w.n.yields++
	} else {
		w.n.preemptions++
	}
	if next, yield := w.leave(d, n, actRequeue).Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
	w.endIfOver(d, yields)
}

// wait parks d, which runs. The director is asked for the next task when d has left its stack.
func (w *worker) wait(d *rt.Task, k rt.Park) {
	ends := true
	if y := k.WaitReason(); y == rt.WaitBlocking || y == rt.WaitFork {
		ends = false // it has to come back before the task ends
	} else {
		w.endIfOver(d, true)
	}
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	w.n.parks++
	w.s.dir.Left(d)
	w.prevPark, w.prevGen = k, d.Gen()
	w.Fib.Load().Since.Store(w.s.coarse.Load())
	if next, yield := w.leave(d, nil, actPark).Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
	if ends {
		w.endIfOver(d, true)
	}
}

// endIfOver ends d, which runs, by a Goexit if the run is over. waits says that d can do nothing
// but wait here.
func (w *worker) endIfOver(d *rt.Task, waits bool) {
	dir := w.s.dir
	if !dir.over || !waits && dir.unwinds[d] {
		return
	}
	dir.unwinds[d] = true
	runtime.Goexit()
}

// Park implements rt.Host.
func (h *directed) Park(d *rt.Task, k rt.Park) { (*worker)(h).wait(d, k) }

// ParkFor implements rt.Host.
func (h *directed) ParkFor(d *rt.Task, k rt.Park, _ *rt.Task, _ uint32) { (*worker)(h).wait(d, k) }

// ParkReady implements rt.Host.
func (h *directed) ParkReady(d *rt.Task) error {
	if !d.IsCurrent() {
		if d = rt.Current(); d == nil || workerOf(d).s.dir == nil {
			return (*worker)(h).ParkReady(d)
		}
	}
	w := workerOf(d)
	w.endIfOver(d, true)
	w.point(d, false)
	if d.TakeToken() {
		return nil
	}
	if !d.Status().Cancelled() {
		w.wait(d, rt.WaitReady.Park(rt.ForReady))
	}
	if d.Status().Cancelled() {
		return (*task.Ctx)(d).Cause()
	}
	return nil
}

// Sleep implements rt.Host.
func (h *directed) Sleep(d *rt.Task, ns int64) {
	w := (*worker)(h)
	w.endIfOver(d, true)
	q := &w.s.timers
	t := q.Borrow(d)
	t.Fib = w.Fib.Load()
	q.Arm(t, rt.After(q.Now(), time.Duration(ns)))
	w.wait(d, rt.WaitSleep.Park(rt.ForWake))
	if !d.Woken() { // cancelled
		if q.Disarm(t) {
			return
		}
		d.AwaitWakeFor(rt.WaitSleep)
	}
	q.Return(t)
}

// Spawn implements rt.Host. The new task may run at once.
func (h *directed) Spawn(fn any, x *rt.Extra) (*rt.Task, uint32) {
	w := (*worker)(h)
	d, gen := w.Spawn(fn, x)
	if me := w.Current.Load(); d != nil && me != nil {
		w.point(me, false)
	}
	return d, gen
}

// Local implements rt.Host.
func (h *directed) Local(d *rt.Task) { (*worker)(h).Local(d) }

// Call implements rt.Host: the call is made elsewhere, so that the worker's other tasks can run
// meanwhile.
func (h *directed) Call(*rt.Task, func(), *rt.CallKind) bool { return false }

// WakeThief implements rt.Host.
func (h *directed) WakeThief() {}

// collect moves what is queued to ready, when the goroutines outside have settled.
func (w *worker) collect() {
	dir := w.s.dir
	dir.Settle()
	for {
		d := w.next.take()
		if d == nil {
			d = w.runq.Pop()
		}
		if d == nil {
			d = w.takeFork()
		}
		for l := rt.Normal; d == nil && l <= rt.Low; l++ {
			d = w.s.inj.TakeLevel(l)
		}
		if d == nil {
			return
		}
		if d = w.valid(d); d != nil {
			dir.ready = append(dir.ready, d)
		}
	}
}

// overflowDirected is overflow for a directed scheduler, to which each submission comes. A limit of the
// user's would not hold up the tasks of the scheduler itself, so the director decides instead.
func (s *Scheduler) overflowDirected(fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	if s.dir.Refuse() {
		return s.reject()
	}
	s.inj.Overfill()
	d, gen := s.admit(fn, x)
	rt.Choice()
	return d, gen, nil
}

// suffer carries out the faults that come now. d is the task that runs, or nil.
func (w *worker) suffer(d *rt.Task) {
	dir, s := w.s.dir, w.s
	for {
		switch f := dir.Fault(d, dir.ready); {
		case f.Hold:
			held := dir.ready[f.Index]
			dir.ready = slices.Delete(dir.ready, f.Index, f.Index+1)
			// Until then it is in no queue. The run does not end without it, because it is live.
			time.AfterFunc(f.For, func() {
				s.inj.Push(held)
				s.wakeOne()
			})
		case f.Jump:
			time.Sleep(f.For) // as all goroutines of the bubble are blocked, its clock goes on at once
			s.timers.Expire(s.now(), w.ringing, w.push)
			w.collect()
		case f.Again:
			w.collect()
		default:
			return
		}
	}
}

// choose takes the task to run next out of ready: or it is d, which runs, unless that is nil. It
// returns nil if the run is over, or there is no task to run.
func (w *worker) choose(d *rt.Task, yields bool) *rt.Task {
	dir := w.s.dir
	w.suffer(d)
	if d == nil && len(dir.ready) == 0 {
		return nil
	}
	i := dir.Choose(d, yields, dir.ready)
	if w.finishOver(); dir.over {
		return nil
	}
	if i < 0 {
		return d
	}
	n := dir.ready[i]
	dir.ready = slices.Delete(dir.ready, i, i+1)
	return n
}

// finishOver notes that the run is over, if it is.
func (w *worker) finishOver() {
	if dir := w.s.dir; !dir.over && dir.Over() {
		dir.over = true
		dir.unwinds = make(map[*rt.Task]bool)
		w.s.phase.Store(phaseClosed) // what has not started does not, and nothing can be started
	}
}

// direct is the worker's look for work when no task runs. It returns nil when the scheduler quits.
func (w *worker) direct() *rt.Task {
	dir := w.s.dir
	w.tick = 0 // the first look of fairTick would take something without a choice
	w.stopSearching()
	for !w.s.quit.Load() {
		w.collect()
		if w.finishOver(); dir.over && len(dir.ready) == 0 {
			w.abandon()
		}
		if len(dir.ready) == 0 {
			w.drowse()
			continue
		}
		if dir.over {
			d := dir.ready[0]
			dir.ready = slices.Delete(dir.ready, 0, 1)
			return d
		}
		if d := w.choose(nil, false); d != nil {
			return d
		}
	}
	return nil
}

// abandon makes the tasks that wait ready, to be ended.
func (w *worker) abandon() {
	for d := range w.s.taskPool.All() {
		if d.Abandon() {
			w.s.dir.ready = append(w.s.dir.ready, d)
		}
	}
}

// drowse waits until there may be something to run, or the run is over.
func (w *worker) drowse() {
	dir, s := w.s.dir, w.s
	w.Current.Store(nil)
	w.flush()
	live := s.live.Load()
	over := dir.over
	dir.Idle(live, dir.stuck.Swap(false))
	if w.finishOver(); dir.over != over {
		return // to abandon
	}
	s.idle.Sleep(w.id, w.searching) // (W2)
	w.searching = true
	if s.inj.Len() != 0 || s.quit.Load() { // (W3)
		if !s.idle.ClaimThis(w.id) {
			w.parker.Park()
		}
		return
	}
	s.quiesce()
	var alarm *time.Timer
	if live > 0 && !dir.over {
		wait := never
		first := s.timers.First()
		if first != 0 {
			wait = time.Duration(first - s.now())
		}
		alarm = time.AfterFunc(wait, func() {
			dir.stuck.Store(first == 0)
			s.wakeOne() // the worker sleeps, or another has woken it just now
		})
	}
	w.parker.Park() // (W4)
	if alarm != nil {
		alarm.Stop()
	}
	s.timers.Expire(s.now(), w.ringing, w.push)
}
