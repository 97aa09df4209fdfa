package engine

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

// relieve raises the alert, unless the last reliefs came in vain (Skips).
func (s *Scheduler) relieve() {
	if r := &s.relief; !r.Raised() && !r.Skips() {
		s.relieveAll()
	}
}

// relieveAll raises the alert if a worker is inside a call, and reports whether it has done so.
func (s *Scheduler) relieveAll() (raised bool) {
	if s.idle.Inside() == 0 || !s.relief.Raise() {
		return false
	}
	s.block.GiveRelief()
	return true
}

// The scheduler is crowded while at least as many workers are awake as there are Ps. Then waking
// another worker for a forked call gains nothing: the woken worker takes the P of a worker that is
// in the middle of a call tree, steals a small part of that tree, and sleeps again. So while the
// scheduler is crowded, a forked call wakes no worker, and a worker that goes to sleep does not ask
// the others to expose their calls. BenchmarkOversubscribed shows the effect: without this rule,
// fib with 64 workers on two Ps took 20 times as long as with two workers.
//
// A task that is put into a queue wakes a worker in any case, because another task may wait for an
// event that only the queued task brings about, and because a worker that is awake may be blocked
// in a system call. A forked call may be stuck behind such a worker, too, so sysmon looks at each
// tick (Crowd-K1). The steps for forked calls:
//
//	worker that falls asleep             worker that exposes        sysmon, at each tick
//	Sleep-W2  announce it                Sleep-P1  expose the       Crowd-K1  if a worker sleeps,
//	Crowd-K0  if that leaves a P                   calls                      none searches, and
//	          without a worker, ask      Sleep-P2, Sleep-P3                   the scheduler is
//	          all to expose                        unless crowded             crowded: wake one
//	Sleep-W3  look at the queues; at                                          if any calls are
//	          forked calls unless                                             exposed, or else ask
//	          crowded                                                         all to expose
//
// While the scheduler is not crowded, these are the steps of the sleep protocol of package idle.
// The scheduler becomes crowded only when a worker wakes, and stops being crowded at Sleep-W2 (or
// when GOMAXPROCS or the number of workers changes). If Sleep-W2 stops it, Crowd-K0 and Sleep-W3
// follow: the worker asks for private calls and finds the exposed ones. While the scheduler stays
// crowded, Crowd-K1 wakes one worker a tick, so exposed calls wait for at most two ticks, even if
// all workers that are awake are blocked.

// crowded reports whether at least as many workers are awake as there are Ps. The parameter less is
// the number of awake workers that do not count: 1 if the caller leaves itself out.
func (s *Scheduler) crowded(less int) bool {
	return s.idle.Awake()-less >= int(s.procs.Load())
}

// askAll asks all workers but except, which may be nil, to expose forked calls. A worker that forks
// from then on exposes the call and wakes a worker. A worker that went to sleep without a search,
// because find did not let it search, relies on that.
func (s *Scheduler) askAll(except *worker) {
	for _, v := range s.workers() {
		if v != except {
			v.Forks.Thief().Ask()
		}
	}
}

// exposed reports whether any worker has forked calls that thieves can take.
func (s *Scheduler) exposed() bool {
	for _, w := range s.workers() {
		if !w.Forks.Thief().Empty() {
			return true
		}
	}
	return false
}

// wakeAll wakes all workers that sleep.
func (s *Scheduler) wakeAll() {
	for _, id := range s.idle.ClaimAll() {
		s.wake(id)
	}
}
