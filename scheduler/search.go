package scheduler

import (
	"runtime"

	"github.com/heddle-go/heddle/internal/rt"
)

// Bounds of the search, in rounds over all victims. Waking a pinned thread takes about
// 10 us, so it pays to look around for about as long before going to sleep.
// BenchmarkPingPong and BenchmarkSubmit at workers=2 show the effect.
const (
	searchRounds = 64
	searchPause  = 100 // iterations of an empty loop between two rounds
)

// find returns the next task to run. It searches, sleeps and wakes until there is
// one, and returns nil when the scheduler quits or the worker has to leave.
func (w *worker) find() *rt.Task {
	for {
		if d := w.pick(); d != nil {
			w.stopSearching()
			return d
		}
		if !w.halting() {
			if d := w.takeLast(); d != nil {
				w.stopSearching()
				return d
			}
		}
		if w.s.quit.Load() {
			w.stopSearching()
			return nil
		}
		if w.leaving() {
			w.handOver()
			w.stopSearching()
			return nil
		}
		if !w.s.pause.on.Load() {
			if !w.searching && !w.s.crowded(1) {
				w.searching = w.s.idle.TrySearch()
			}
			if w.searching {
				if d := w.search(); d != nil {
					w.stopSearching()
					return d
				}
			}
		}
		w.sleep()
		w.fairNext() // it may have been woken in vain: see first whether to halt
	}
}

// stopSearching ends the search after it found something (W5): the last searcher
// wakes another if there is more.
func (w *worker) stopSearching() {
	if !w.searching {
		return
	}
	w.searching = false
	if w.s.idle.StopSearch() && w.s.visibleWork() {
		w.s.wakeOne()
	}
}

// search looks everywhere for a while.
func (w *worker) search() *rt.Task {
	rounds := searchRounds
	if w.s.procs.Load() == 1 || w.s.home.ReadyGoroutines.Load() != 0 && !(w.pinned && w.s.spareP()) {
		// Whoever could produce work needs the P that the search would hold. (With another one to spare it runs there. To a worker that is not
		// pinned, sleeping and waking costs less than the search.)
		rounds = 1
	}
	for i := range rounds {
		if d := w.stealOnce(); d != nil {
			return d
		}
		if !w.s.inj.Empty() || w.s.inj.AnyRanked() || w.s.quit.Load() || w.halting() {
			if d := w.pick(); d != nil || w.halting() {
				return d
			}
			return w.takeLast()
		}
		if f := w.s.timers.First(); f != 0 && i%8 == 7 {
			if now := w.s.now(); f <= now {
				return w.pick()
			}
		}
		if i == rounds-1 || i%16 == 15 {
			if d := w.stealNext(); d != nil {
				return d
			}
		}
		for range searchPause {
		}
	}
	return nil
}

// sleep is the worker's side of the sleep/wake protocol, W1 to W4. When it returns
// the worker is a searcher.
func (w *worker) sleep() {
	w.Current.Store(nil)
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
		w.rest() // (W4)
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

// letOutsiders gives the P to an outsider that was made ready, if it is the only one:
// the thread is going to sleep in a system call, and the Go runtime takes some time to see
// that such a thread does not use its P. With more of them, another P has fetched the
// outsider by then.
func (w *worker) letOutsiders() {
	if w.s.procs.Load() == 1 && w.s.home.ReadyGoroutines.Load() != 0 {
		w.n.letIns++
		runtime.Gosched()
	}
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

// wakeOne wakes a sleeping worker if none searches, or else has those that are inside a call relieved (P2, P3).
func (s *Scheduler) wakeOne() {
	if s.idle.NeedsWake() {
		s.wakeOneSlow()
	}
}

func (s *Scheduler) wakeOneSlow() {
	if s.pause.on.Load() {
		return // Resume wakes everybody
	}
	if id, ok := s.idle.Claim(); ok {
		s.wake(id)
	} else if s.idle.Inside() > 0 {
		s.relieve()
	}
}

// wake wakes worker id, which the caller has claimed.
func (s *Scheduler) wake(id int) {
	s.wakes.Add(1)
	s.workers()[id].parker.Unpark()
}

// spareP reports whether there are more Ps than workers that are awake.
func (s *Scheduler) spareP() bool {
	return int(s.procs.Load()) > s.Workers()-s.idle.Sleeping()
}

// refreshProcs reads GOMAXPROCS, which takes a lock of the Go runtime, and has the number of workers follow it if that was
// asked for. Called by sysmon.
func (s *Scheduler) refreshProcs() {
	n := int32(runtime.GOMAXPROCS(0))
	if s.procs.Swap(n) != n && s.cfg.follow {
		_ = s.Resize(min(int(n), MaxWorkers)) // an error says that the scheduler has been closed
	}
}
