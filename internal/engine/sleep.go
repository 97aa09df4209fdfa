package engine

import "github.com/heddle-go/heddle/internal/rt"

// sleep is the worker's side of the sleep protocol, Sleep-W1 to Sleep-W4. When it returns, the
// worker is a searcher.
func (w *worker) sleep() {
	w.SetCurrent(nil)
	if w.Looks&rt.LookRing != 0 {
		w.ringEnd("")
	}
	w.flush()
	w.trimOwn()
	w.announce()
	paused := w.s.pause.on.Load()
	if !paused && (w.next.full() || w.s.visibleWork()) || w.leaving() || w.s.pool.quit.Load() { // (Sleep-W3)
		if !w.s.idle.ClaimThis(w.id) {
			w.parker.Park() // a waker has claimed this worker already, and wakes it
		}
	} else {
		if paused {
			w.s.checkPaused()
		}
		w.s.quiesce()
		if w.napDue() {
			w.checkThread()
			w.duty.Rest(w.s.now())
		}
		w.parkThread() // (Sleep-W4)
		if w.napDue() {
			now := w.s.now()
			w.duty.Resume(now)
			if w.gauge != nil {
				w.gauge.woken(now, w.wokenAt.Load())
			}
		}
	}
	if w.gauge != nil {
		w.wokenAt.Store(0) // no waker can claim the worker before it sleeps again
	}
	// In either case the monitor may have seen all workers asleep and gone to sleep itself.
	if w.s.mon.Asleep() {
		w.s.setCoarse(w.s.now())
		w.s.mon.Kick()
	}
}

// announce makes known that the worker sleeps (Sleep-W2).
func (w *worker) announce() {
	w.s.idle.Sleep(w.id, w.searching) // (Sleep-W2)
	w.searching = true                // each party that wakes the worker makes it a searcher
	if !w.s.crowded(0) {
		w.s.askAll(w) // (Crowd-K0)
	}
	if f := w.s.timers.First(); f != 0 {
		w.s.mon.KickBefore(f) // (Grace-G1), see timerGrace
	}
}

// parkThread makes the worker sleep until it is woken. Unless the worker is fixed, it gives its
// thread back to the Go runtime meanwhile.
func (w *worker) parkThread() {
	if w.fixed {
		w.letOutsiders()
		w.parker.Park()
		return
	}
	w.unpin()
	w.parker.Park()
	w.pin()
}

// visibleWork reports whether there is work that a worker would find: tasks in the queues, children
// in next slots, exposed forked calls, and timers that are due. It leaves out woken tasks in next
// slots and, while the scheduler is crowded, forked calls, because sysmon wakes a worker for both.
func (s *Scheduler) visibleWork() bool {
	if !s.inj.Empty() || s.inj.AnyRanked() {
		return true
	}
	for _, w := range s.workers() {
		if w.hasVisibleTask() {
			return true
		}
	}
	if !s.crowded(0) && s.exposed() {
		return true
	}
	return s.timers.First() != 0 && s.timers.Due(s.now())
}

// hasVisibleTask reports whether other workers would find a task in w's queues or next slot. Any
// goroutine may call it.
func (q *queues) hasVisibleTask() bool {
	return !q.runq.Thief().Empty() || !q.children.Thief().Empty() || q.next.child()
}
