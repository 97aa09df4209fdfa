package engine

import (
	"slices"

	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Resize does what scheduler.Scheduler.Resize says. n is from 1 to MaxWorkers.
func (s *Scheduler) Resize(n int) error {
	p := &s.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.quit.Load() || s.phase.Load() >= phaseClosed {
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
		units = append(units, unit{w})
	}
	s.mon.Watch(units...)
	p.workers.Store(&ws)
	p.size.Store(int64(n))
	s.shared.Workers.Store(int64(n))
	for _, w := range ws[:n] {
		for !w.member.CompareAndSwap(wkLeaving, wkMember) && w.leaving() {
			if w.member.CompareAndSwap(wkLeft, wkMember) {
				s.idle.Join()
				s.done.Add(1)
				go w.main()
			}
		}
	}
	if s.mon.Asleep() { // as at the end of worker.sleep, because the new workers may find work
		s.setCoarse(s.now())
		s.mon.Kick()
	}
}

// dismiss tells the worker to leave (R1, R2). It reports whether the worker slept. If so, the
// caller has to wake it.
func (w *worker) dismiss() (wake bool) {
	return w.member.CompareAndSwap(wkMember, wkLeaving) && w.s.idle.ClaimThis(w.id)
}
