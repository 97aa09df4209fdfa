package scheduler

// wakeOne wakes a sleeping worker if no worker searches (Sleep-P2, Sleep-P3). If no worker sleeps
// either, but some worker is inside a blocking call, wakeOne raises the alert, so that a relief
// takes that worker over (spot.go).
func (s *Scheduler) wakeOne() {
	if s.idle.NeedsWake() {
		s.wakeOneSlow()
	}
}

func (s *Scheduler) wakeOneSlow() {
	if s.pause.on.Load() {
		return // Resume wakes all workers
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
	w := s.workers()[id]
	if w.gauge != nil {
		w.wokenAt.Store(s.now())
	}
	w.parker.Unpark()
}

// spareP reports whether there are more Ps than workers that are awake.
func (s *Scheduler) spareP() bool {
	return int(s.procs.Load()) > s.Workers()-s.idle.Sleeping()
}
