package engine

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A directed scheduler has one worker, which is a goroutine, and an rt.Director that decides which
// task runs next. Package schedtest explores programs on it. A directed worker shows its tasks
// another implementation of rt.Host, the type directed. A directed worker differs from the workers
// of other schedulers in four more ways, none of which costs the other workers anything:
//
//   - The injector always reports a ranked task (inject.Queue.Direct). So pick, which every look
//     for work calls, comes to takeRanked, and takeRanked to direct.
//   - Each descriptor has a mark that is never taken away (taskpool.Pool.MarkAll), so each
//     Checkpoint takes its slow path.
//   - sysmon does not run, because nothing depends on real time. The worker waits for timers
//     itself.
//   - The worker keeps the tasks that can run in directing.ready. Before each choice it moves the
//     tasks from its queues to there (collect).
//
// Time. In a bubble of testing/synctest, time stands still until every goroutine of the bubble is
// blocked. The worker blocks only if no task can run, and then until the first timer is due.
//
// End. When the run has ended (Director.Ended), no task may go on, because it could wait for a lock
// that will never be free. So each running task ends by runtime.Goexit at its next yield point. The
// worker makes the tasks that wait runnable, and they end likewise. Their deferred functions run.
// In its deferred functions a task passes yield points without a choice, but an operation that
// would wait calls Goexit again. A task that waits for a blocking call or a stolen call is left
// alone until that call ends, because nothing can end a goroutine from outside.
//
// Only the worker, and the task that runs on it, use the fields of a directing, except for stuck.
type directing struct {
	rt.Director
	ready   []*rt.Task
	ended   bool
	unwinds map[*rt.Task]bool // tasks that have been told to end; made when ended is set
	stuck   atomic.Bool       // the alarm has rung although no timer was pending: see drowse
}

// noTimer is how long a directed worker waits if no timer of the scheduler is pending: a month.
// Programs seldom set a timer of the standard library to more, and if a goroutine has a ticker of a
// second, a month of the bubble's time passes in some seconds.
const noTimer = 30 * 24 * time.Hour

// NewDirected is New for a directed scheduler. cfg.Clock must be nil. The number of workers,
// pinning and stalls of cfg have no effect.
func NewDirected(dir rt.Director, cfg Config) *Scheduler {
	cfg.Workers, cfg.Follow, cfg.Pinning, cfg.CPUs, cfg.StallAfter = 1, false, Unpinned, nil, 0
	if cfg.OnPanic == nil {
		cfg.OnPanic = func(t task.Task, pe *task.PanicError) { dir.Panicked(rt.Handle(t), pe) }
	}
	s := newScheduler(cfg)
	s.dir = &directing{Director: dir}
	s.taskPool.MarkAll()
	s.inj.Direct(s.wakeBlocked)
	s.grow(1)
	return s
}

// directed is a worker of a directed scheduler as its tasks see it.
type directed worker

var _ rt.DirectedHost = (*directed)(nil)

// Director implements rt.DirectedHost.
func (h *directed) Director() rt.Director { return h.s.dir.Director }

// Yield implements rt.Host.
func (h *directed) Yield() {
	d := h.Current.Load()
	if d == nil || !d.IsCurrent() {
		if d = rt.Current(); d == nil {
			runtime.Gosched()
			return
		}
		h = (*directed)(workerOf(d))
		if h.s.dir == nil {
			h.Host.Yield()
			return
		}
	}
	h.s.dir.endIfEnded(d, true)
	h.point(d, true)
}

// Poll implements rt.Host. A checkpoint is a yield point, as Yield is, but d need not stand back.
func (h *directed) Poll(d *rt.Task) {
	h.s.dir.endIfEnded(d, false)
	h.point(d, false)
}

// point is a yield point of the running task d: the director decides whether d goes on. If yields
// is true, d has called Yield, so the director should let another task run.
func (h *directed) point(d *rt.Task, yields bool) {
	w := (*worker)(h)
	dir := w.s.dir
	if dir.ended {
		return
	}
	w.shareForks(d)
	h.collect()
	n := h.choose(d, yields)
	if n == d || dir.ended {
		h.s.dir.endIfEnded(d, false)
		return
	}
	if yields {
		w.n.yields++
	} else {
		w.n.preemptions++
	}
	if self := w.prepareSwitch(d, n, w.onYield); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
	h.s.dir.endIfEnded(d, yields)
}

// wait parks the running task d. The successor is a loop fiber, which asks the director for the
// next task after d has left its stack. end is the task whose end d waits for, or the zero Handle.
//
// No sysmon sets the time with which waits are dated, so wait does.
func (h *directed) wait(d *rt.Task, k rt.Park, end rt.Handle) {
	w := (*worker)(h)
	ends := true
	if y := k.WaitReason(); y == rt.WaitBlocking || y == rt.WaitFork {
		ends = false // the call has to come back before the task ends
	} else {
		h.s.dir.endIfEnded(d, true)
	}
	w.s.setCoarse(w.s.now())
	note := waitNote{}
	if w.Looks != 0 {
		note = w.noteWait(d, k, end)
	}
	w.shareForks(d)
	w.preparePark(d, k)
	w.s.dir.Left(d)
	if self := w.prepareSwitch(d, nil, w.onPark); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
	note.back(d, k)
	if ends {
		h.s.dir.endIfEnded(d, true)
	}
}

// endIfEnded ends the running task d by a Goexit if the run has ended. If d has been told to end
// before, d is in its deferred functions. Then it goes on, unless waits says that it is about to
// wait.
func (dir *directing) endIfEnded(d *rt.Task, waits bool) {
	if !dir.ended || !waits && dir.unwinds[d] {
		return
	}
	dir.unwinds[d] = true
	runtime.Goexit()
}

// Park implements rt.Host.
func (h *directed) Park(d *rt.Task, k rt.Park) { h.wait(d, k, rt.Handle{}) }

// ParkFor implements rt.Host.
func (h *directed) ParkFor(d *rt.Task, k rt.Park, t *rt.Task, gen uint32) {
	h.wait(d, k, rt.HandleOf(t, gen))
}

// ParkReady implements rt.Host.
func (h *directed) ParkReady() error {
	w := (*worker)(h)
	d := w.Current.Load()
	if d == nil || !d.IsCurrent() {
		if d = rt.Current(); d == nil {
			return w.ParkReady() // panics
		}
		if w = workerOf(d); w.s.dir == nil {
			return w.Host.ParkReady()
		}
	}
	h = (*directed)(w)
	h.s.dir.endIfEnded(d, true)
	h.point(d, false)
	if d.TakeToken() {
		return nil
	}
	if !d.Status().Cancelled() {
		h.wait(d, rt.WaitReady.Park(rt.ForReady), rt.Handle{})
	}
	if d.Status().Cancelled() {
		return (*task.Ctx)(d.Life()).Cause()
	}
	return nil
}

// Sleep implements rt.Host.
func (h *directed) Sleep(d *rt.Task, ns int64) {
	h.s.dir.endIfEnded(d, true)
	q := &h.s.timers
	t := q.Borrow(d)
	t.Fib = h.Fib.Load()
	q.Arm(t, rt.After(q.Now(), time.Duration(ns)))
	h.wait(d, rt.WaitSleep.Park(rt.ForWake), rt.Handle{})
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
	if w.Looks != 0 {
		x = noteStart(w.s.looks, x, w.Current.Load())
	}
	d, gen := w.Spawn(fn, x)
	if me := w.Current.Load(); d != nil && me != nil {
		h.point(me, false)
	}
	return d, gen
}

// SpawnDraft implements rt.Host. The director chooses among descriptors.
func (h *directed) SpawnDraft(*rt.Draft) bool { return false }

// Local implements rt.Host.
func (h *directed) Local(d *rt.Task) { (*worker)(h).Local(d) }

// Call implements rt.Host. It leaves the call to a blocker, so that other tasks can run meanwhile.
func (h *directed) Call(*rt.Task, func(), *rt.CallKind) bool { return false }

// WakeThief implements rt.Host. There is no thief.
func (h *directed) WakeThief() {}

// collect waits until all goroutines outside are blocked (Director.AwaitOutsiders), and moves all
// queued tasks to ready.
func (h *directed) collect() {
	w := (*worker)(h)
	dir := w.s.dir
	dir.AwaitOutsiders()
	for {
		d := w.next.take()
		if d == nil {
			d = w.runq.Pop()
		}
		if d == nil {
			d = w.children.Pop()
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

// suffer carries out the faults that the director wants now. d is the task that runs, or nil.
func (h *directed) suffer(d *rt.Task) {
	w := (*worker)(h)
	dir, s := w.s.dir, w.s
	for {
		switch f := dir.Fault(d, dir.ready); {
		case f.Hold:
			held := dir.ready[f.Index]
			dir.ready = slices.Delete(dir.ready, f.Index, f.Index+1)
			// Until the function runs, the task is in no queue. The run does not end before that,
			// because the task is live.
			time.AfterFunc(f.For, func() {
				s.inj.Push(held)
				s.wakeOne()
			})
		case f.Jump:
			time.Sleep(f.For) // all other goroutines of the bubble are blocked, so its clock jumps
			s.timers.Expire(s.now(), w.timerBatch, w.push)
			h.collect()
		case f.Again:
			h.collect()
		default:
			return
		}
	}
}

// choose has the director choose among the tasks in ready and the running task d, which may be nil.
// It returns the chosen task, and takes it out of ready. It returns nil if the run has ended or no
// task can run.
func (h *directed) choose(d *rt.Task, yields bool) *rt.Task {
	dir := h.s.dir
	h.suffer(d)
	if d == nil && len(dir.ready) == 0 {
		return nil
	}
	i := dir.Choose(d, yields, dir.ready)
	if h.checkEnded(); dir.ended {
		return nil
	}
	if i < 0 {
		return d
	}
	n := dir.ready[i]
	dir.ready = slices.Delete(dir.ready, i, i+1)
	return n
}

// checkEnded asks the director whether the run has ended, and if so prepares for the end.
func (h *directed) checkEnded() {
	if dir := h.s.dir; !dir.ended && dir.Ended() {
		dir.ended = true
		dir.unwinds = make(map[*rt.Task]bool)
		h.s.phase.Store(phaseClosed) // from here on no task begins, and none can be submitted
	}
}

// direct is a directed worker's look for work, while no task runs. It waits until the director has
// chosen a task, and returns that. It returns nil when the scheduler quits.
func (h *directed) direct() *rt.Task {
	w := (*worker)(h)
	dir := w.s.dir
	w.tick = 0 // at the fairTick-th look pick would take a task without a choice
	w.stopSearching()
	for !w.s.pool.quit.Load() {
		h.collect()
		if h.checkEnded(); dir.ended && len(dir.ready) == 0 {
			h.abandon()
		}
		if len(dir.ready) == 0 {
			h.drowse()
			continue
		}
		if dir.ended {
			d := dir.ready[0]
			dir.ready = slices.Delete(dir.ready, 0, 1)
			return d
		}
		if d := h.choose(nil, false); d != nil {
			return d
		}
	}
	return nil
}

// abandon makes the tasks that wait ready, so that they can be ended.
func (h *directed) abandon() {
	for d := range h.s.taskPool.All() {
		if d.Abandon() {
			h.s.dir.ready = append(h.s.dir.ready, d)
		}
	}
}

// drowse waits until there may be a task to run, or the run has ended. Its alarm fires when the
// first timer is due. If no timer is pending, the alarm fires after a month. Then no event has
// woken the worker before, so drowse tells the director that the waiting tasks will wait for ever
// (stuck).
func (h *directed) drowse() {
	w := (*worker)(h)
	dir, s := w.s.dir, w.s
	w.SetCurrent(nil)
	w.flush()
	live := s.live.Load()
	was := dir.ended
	dir.Idle(live, dir.stuck.Swap(false))
	if h.checkEnded(); dir.ended != was {
		return // the caller abandons the tasks that wait
	}
	s.idle.Sleep(w.id, w.searching) // (Sleep-W2)
	w.searching = true
	if s.inj.Len() != 0 || s.pool.quit.Load() { // (Sleep-W3)
		if !s.idle.ClaimThis(w.id) {
			w.parker.Park()
		}
		return
	}
	s.quiesce()
	var alarm *time.Timer
	if live > 0 && !dir.ended {
		wait := noTimer
		first := s.timers.First()
		if first != 0 {
			wait = time.Duration(first - s.now())
		}
		alarm = time.AfterFunc(wait, func() {
			dir.stuck.Store(first == 0)
			s.wakeOne() // unless another goroutine has just woken the worker
		})
	}
	w.parker.Park() // (Sleep-W4)
	if alarm != nil {
		alarm.Stop()
	}
	s.timers.Expire(s.now(), w.timerBatch, w.push)
}
