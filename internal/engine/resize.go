package engine

import (
	"math/rand/v2"
	"slices"

	"github.com/heddle-go/heddle/internal/deque"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
	"github.com/heddle-go/heddle/task"
)

// Resize does what scheduler.Scheduler.Resize says. n is from 1 to MaxWorkers.
func (s *Scheduler) Resize(n int) error {
	p := &s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.pool.quit.Load() || s.phase.Load() >= phaseClosed {
		return task.ErrClosed
	}
	if s.dir != nil {
		return nil
	}
	s.grow(n)
	for _, w := range s.workers()[n:] {
		if w.dismiss() {
			s.wake(w.id)
		}
	}
	return nil
}

// grow makes members of the first n workers. It makes workers as needed, and starts those that have
// left. The caller holds pool.mu, or is New.
func (s *Scheduler) grow(n int) {
	p := &s.pool
	ws := slices.Clone(s.workers())
	var units []preempt.Unit
	for i := len(ws); i < n; i++ {
		w := s.newWorker(i)
		w.Index, w.At = rt.TakeIndex(), i
		ws = append(ws, w)
		units = append(units, watchedWorker{w})
	}
	s.mon.Watch(units...)
	p.workers.Store(&ws)
	p.size.Store(int64(n))
	s.shared.Workers.Store(int64(n))
	for _, w := range ws[:n] {
		for !w.member.CompareAndSwap(wkLeaving, wkMember) && w.leaving() {
			if w.member.CompareAndSwap(wkLeft, wkMember) {
				s.idle.Join()
				s.pool.done.Add(1)
				go w.main()
			}
		}
	}
	if s.mon.Asleep() { // as at the end of worker.sleep, because the new workers may find work
		s.setCoarse(s.now())
		s.mon.Kick()
	}
}

// dismiss tells the worker to leave (Resize-R1, Resize-R2). It reports whether the worker slept. If
// so, the caller has to wake it.
func (w *worker) dismiss() (wake bool) {
	return w.member.CompareAndSwap(wkMember, wkLeaving) && w.s.idle.ClaimThis(w.id)
}

// newWorker makes a worker in the state wkLeft. The caller adds it to the pool.
func (s *Scheduler) newWorker(id int) *worker {
	w := &worker{s: s, id: id}
	w.anchor = anchor{pinned: s.cfg.pinned(), fixed: s.cfg.Pinning == Fixed, id: id, cfg: &s.cfg}
	w.Host, w.Shared, w.body = w, &s.shared, w.loopBody()
	w.Fib.Store(noFiber)
	w.Looks = s.looks
	if s.dir != nil {
		w.Host = (*directed)(w)
	} else if w.Looks != 0 {
		w.Host = looked{w}
	}
	w.rng = rand.New(rand.NewPCG(uint64(id), 0x68656464))
	w.alarms = alarms{set: &s.timers, timerBatch: new(timers.Batch), clock: &s.clock, due: w.pushDue}
	if s.dir != nil {
		w.timers = s.timers.Common() // so that all timers fire in their order
	} else {
		w.timers = s.timers.NewQueue()
	}
	w.fibers.pool = &s.fiberPool
	w.queues.init(&s.crew, &s.taskPool)
	w.Forks.Init(deque.LIFO, 0)
	// The dispatch numbers of different workers lie far apart. So a mark for a task's dispatch on
	// one worker does not fit a dispatch on another.
	w.n.counted = uint32(id) * 0x9e3779b1
	w.Worker.Dispatch.Store(w.n.counted)
	w.notebook = notebook{worker: id, looks: s.looks, clock: &s.clock, cfg: &s.cfg, profile: &s.waitProfile, ring: &w.ring}
	w.notebook.begin(s.measuring, w.n.counted)
	if s.measuring != nil && s.measuring.mode != 0 {
		w.timerBatch.Late = &w.gauge.late
	}
	w.plain = w.Looks == 0 && w.gauge == nil && s.dir == nil
	w.naps.always = w.gauge != nil || s.dir != nil // gauge needs it, and with dir no sysmon runs
	w.parker.Init(w.fixed)
	w.call = &spotCall{}
	w.member.Store(wkLeft)
	return w
}
