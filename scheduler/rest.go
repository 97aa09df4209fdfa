package scheduler

import "github.com/heddle-go/heddle/internal/rt"

// sleep is the worker's side of the sleep protocol, W1 to W4. When it returns
// the worker is a searcher.
func (w *worker) sleep() {
	w.Current.Store(nil)
	if w.Looks&rt.LookRing != 0 {
		w.ringEnd("")
	}
	w.flush()
	w.trimOwn()
	w.announce()
	paused := w.s.pause.on.Load()
	if !paused && (w.next.full() || w.s.visibleWork()) || w.leaving() || w.s.quit.Load() { // (W3)
		if !w.s.idle.ClaimThis(w.id) {
			w.parker.Park() // a waker has claimed it before
		}
	} else {
		if paused {
			w.s.rested()
		}
		w.s.quiesce()
		now := w.s.now()
		w.busy.stop(now)
		w.rests.start(now)
		w.rest() // (W4)
		now = w.s.now()
		w.rests.stop(now)
		w.busy.start(now)
		if w.gauge != nil {
			w.gauge.woken(now, w.wokenAt.Load())
		}
	}
	if w.gauge != nil {
		w.wokenAt.Store(0) // no waker has claimed it again
	}
	// The monitor may have seen all asleep, in either case.
	if w.s.mon.Asleep() {
		w.s.setCoarse(w.s.now())
		w.s.mon.Kick()
	}
}

// announce makes known that the worker sleeps.
func (w *worker) announce() {
	w.s.idle.Sleep(w.id, w.searching) // (W2)
	w.searching = true                // whatever wakes it, it comes back as a searcher
	if !w.s.crowded(0) {
		w.s.askAll(w) // (K0)
	}
	if f := w.s.timers.First(); f != 0 {
		w.s.mon.KickBefore(f) // (G1), see timerGrace
	}
}

// rest sleeps until the worker is woken, off its thread unless that is fixed.
func (w *worker) rest() {
	if w.fixed {
		w.letOutsiders()
		w.parker.Park()
		w.checkThread()
		return
	}
	w.unpin()
	w.parker.Park()
	w.pin()
}

// visibleWork reports whether any queue holds something that a worker would find:
// the queues, children in next slots, and due timers. It leaves out woken tasks in next slots
// and, while the scheduler is crowded, forked calls: sysmon wakes a worker for those.
func (s *Scheduler) visibleWork() bool {
	if !s.inj.Empty() || s.inj.AnyRanked() {
		return true
	}
	for _, w := range s.workers() {
		if w.shows() {
			return true
		}
	}
	if !s.crowded(0) && s.exposed() {
		return true
	}
	return s.timers.First() != 0 && s.timers.Due(s.now())
}

// shows reports whether others would find a task in w's queue or next slot. Any goroutine may ask.
func (w *worker) shows() bool { return !w.runq.Thief().Empty() || w.next.child() }
