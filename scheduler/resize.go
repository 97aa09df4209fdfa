package scheduler

import (
	"fmt"
	"slices"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/preempt"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A workerPool has the workers of a scheduler, one for each id that was ever in use. The workers
// from size on have left, or are leaving. A worker that has left has no goroutine and no thread,
// but other workers may still look into its queues.
//
//	member -> leaving   Resize to fewer workers
//	leaving -> member   Resize to more workers, before the worker has left
//	leaving -> left     the worker itself, as its last act, when it has nothing left
//	left -> member      Resize to more workers, which starts a new goroutine for it
//
// A worker that has to leave notices it at every fairTick-th look for work (fair), when it finds no
// task (find), or when its task's budget is spent (over). It moves the tasks of its queues to the
// injector, by P1 to P3 of the sleep protocol, and ends. Resize wakes a worker that sleeps:
//
//	Resize                             worker
//	R1 store leaving                   W2 announce that it sleeps
//	R2 claim this worker; wake it      W3 load member
//
// Either R2 finds the announcement, or W3 comes after R1 and sees it.
//
// The proof of the sleep protocol still holds. A worker that leaves does not come to W2 and W3. If
// it is a searcher, it passes W5 (stopSearching in find). If it is not, no producer relies on it,
// and its own tasks are in the injector. One worker is always a member.
type workerPool struct {
	workers atomicx.Pointer[[]*worker] // by id. Copied to change it, under mu; it only grows
	size    atomicx.Int64              // written under mu
	mu      atomicx.Mutex
}

const (
	wkMember = iota
	wkLeaving
	wkLeft
)

// workers returns all workers, also those that have left, by id.
func (s *Scheduler) workers() []*worker { return *s.pool.workers.Load() }

// Workers returns the number of workers that New or the last [Scheduler.Resize] has set.
func (s *Scheduler) Workers() int {
	s.check()
	return int(s.pool.size.Load())
}

// Resize changes the number of workers to n, 1 to [MaxWorkers]. If n is outside of this range it
// returns an error, and if the scheduler is closed, [task.ErrClosed]. Any goroutine or task may
// call it at any time. It does not wait: new workers start at once, and each worker that is to
// leave runs its present task up to the next yield point, gives its queued tasks to the others, and
// then gives up its thread.
func (s *Scheduler) Resize(n int) error {
	s.check()
	if n < 1 || n > MaxWorkers {
		return fmt.Errorf("scheduler: Resize(%d): want 1 to %d", n, MaxWorkers)
	}
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

// leaving reports whether the worker has to leave.
func (w *worker) leaving() bool { return w.member.Load() != wkMember }

// halting reports whether the worker must run no other task, because it has to leave or the
// scheduler is paused. If so, it makes the next pick check this again before it takes a task. The
// running task, which gives way now, is only queued after the switch, and that pick must not take
// it.
func (w *worker) halting() bool {
	if !w.leaving() && !w.s.pause.on.Load() {
		return false
	}
	w.fairNext()
	return true
}

// fairNext makes the next look for work begin with fair. On a directed worker no look does, because
// fair takes a task without asking the director.
func (w *worker) fairNext() {
	if w.s.dir == nil {
		w.tick += fairTick - 1 - w.tick%fairTick
		w.stopAt = w.tick + 1
	}
}

// handOver moves all tasks in the worker's queues to the injector.
func (w *worker) handOver() {
	for {
		d := w.next.take()
		for _, take := range []func() *rt.Task{w.runq.Pop, w.children.Pop, w.takeFork} {
			if d == nil {
				d = take()
			}
		}
		if d == nil {
			return
		}
		w.s.inj.Push(d) // (Sleep-P1); Scheduler.inject would put d back into this worker's slot
		w.s.wakeOne()   // (Sleep-P2, Sleep-P3)
	}
}

// depart ends the worker's membership, unless Resize wants the worker back, and reports whether it
// did. If all other workers sleep, Pause, Wait or the end of the scheduler may be waiting for that.
func (w *worker) depart() bool {
	if !w.s.quit.Load() && !w.resign() {
		return false
	}
	w.s.rested()
	w.s.quiesce()
	return true
}

// resign changes the worker from leaving to left, unless Resize wants it back, and reports whether
// it did.
func (w *worker) resign() bool {
	return w.s.idle.Leave(func() bool { return w.member.CompareAndSwap(wkLeaving, wkLeft) })
}
