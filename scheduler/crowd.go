package scheduler

// With more workers awake than there are Ps, a woken worker computes nothing that would not be
// computed anyway: it takes a P from a worker that is in the middle of a call tree, steals a small
// part of that, and sleeps again. So forked calls wake a worker, and a worker that goes to sleep
// asks others to expose theirs, only while the scheduler is not crowded, that is, while fewer
// workers are awake than there are Ps. BenchmarkOversubscribed shows the effect: fib with 64
// workers on two Ps took 20 times as long as with two workers.
//
// Tasks in queues wake workers as before, because a task may wait for an event that only it brings
// about, and because a worker that is awake may be blocked in a system call. The latter is true of
// forked calls, too. The steps for them:
//
//	sleeps                               exposes                     sysmon, at each tick
//	W2 announce it                       P1 expose the calls         K1 if a worker sleeps, none searches
//	K0 if that leaves a P without a      P2, P3 unless crowded          and the scheduler is crowded:
//	   worker, ask all to expose                                        wake one if any calls are exposed,
//	W3 look at the queues; at forked                                    or else ask all to expose
//	   calls unless crowded
//
// While the scheduler is not crowded, this is the sleep protocol of package idle. It becomes
// crowded only when a worker wakes, and stops being crowded at W2 (or when GOMAXPROCS or the number
// of workers changes). Then K0 and W3 follow: the worker asks for private calls and finds the
// exposed ones. While the scheduler stays crowded, K1 wakes one worker a tick, so exposed calls
// wait for at most two ticks, even if all workers that are awake are blocked.

// crowded reports whether at least as many workers are awake as there are Ps. less of those that
// are awake do not count.
func (s *Scheduler) crowded(less int) bool {
	return s.idle.Awake()-less >= int(s.procs.Load())
}

// askAll asks all workers but except, which may be nil, to expose forked calls. Workers that were
// not allowed to search rely on it: a worker that forks from then on exposes the call and wakes a
// worker.
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

// freeForks is K1. sysmon calls it.
func (s *Scheduler) freeForks() {
	if !s.idle.NeedsWake() || s.pause.on.Load() || !s.crowded(0) {
		return
	}
	if s.exposed() {
		s.wakeOne()
	} else {
		s.askAll(nil)
	}
}
