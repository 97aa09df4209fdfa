package rt

// A task that a worker has started with Spawn and that has not begun is fresh: flagFresh is set. A waiter for its end may take
// it from its queue, wherever that is, and has its own worker run it at once, because the waiter could do nothing else
// anyway. Two kinds of parties meet, of which any number may try:
//
//	taker (took d's entry from a queue)     waiter (wants d's end)
//	T1 load the word                        C1 load the word; fresh, and the right life?
//	T2 stale: CAS the flag out; the entry   C2 CAS fresh to stale: d is the waiter's
//	   is dropped                              to run; its entry stays in the queue
//	T3 fresh: CAS the flag out; d is the
//	   taker's to run
//	T4 neither: d is the taker's to run
//
// fresh leaves the word once in a life, by the CAS of T3 or by that of C2, so one party gets the task. Queues hold as many
// entries of a descriptor as it is runnable and not on its way to a worker, plus one if stale is set:
//
//	entries(d) = queued(d) + stale(d)
//
// Spawn makes queued 1; T3 and T4 take an entry away and lower queued; C2 lowers queued and raises stale; T2 takes an entry
// away and lowers stale; to queue d again, when it has suspended, raises entries and queued. So when a taker finds stale set
// with two entries in queues, it may drop either: the other one then stands for d. Both are in queues that searchers see, so
// the task is no less visible than the producer's steps P1 to P3 have made it. For the same reason a taker that knows its
// entry to be the one of a task that was queued again may leave out T1 to T4: d is its to run, and stale stays for the other.
//
// A descriptor must not serve another life while an entry of it is stale: T1 would take the entry for the new life's. So
// the descriptor of a task that has ended goes to the pool when the last of two parties is done with it:
//
//	finisher                                taker
//	F1 CAS Active to Done, one generation   T2 CAS stale out; if the state is Free,
//	   on, because stale is set                the taker pools the descriptor
//	F2 take the waiters
//	F3 CAS Done to Free; if stale is out by
//	   then, the finisher pools it
//
// Both CASes change the same word. If F3 comes first, T2 finds Free; otherwise F3 finds stale out. Between F1 and F3 the
// descriptor is Done for every handle, and only the finisher touches its waiters. Without F1 as a state of its own, the
// taker could pool the descriptor before F2, and F2 would take the waiters of the next life.

const (
	flagFresh = 1 << (waitReasonShift + 8) // the task has not begun, and may be claimed
	flagStale = 1 << (waitReasonShift + 9) // one more entry of the descriptor is in a queue than there should be
)

// Spawned is Start for a task that goes to a worker's own queue. If it is of the normal level, a waiter may claim it.
func (d *Task) Spawned(fn any, x *Extra) {
	if x != nil {
		d.start(fn, x, flagFresh)
		return
	}
	d.fn = fn
	if d.extra.Load() != nil { // left by a caller that came too late for the last life
		d.extra.Store(nil)
	}
	d.status.Store(d.status.Load()&genMask | stActive | flagFresh)
}

// Claim takes life gen of d, if it is fresh, out of its queue for the caller to run (C1, C2). The entry stays behind: a worker
// that takes it learns from Taken that it is stale.
func (d *Task) Claim(gen uint32) bool {
	s := d.status.Load()
	return Status(s).Fresh(gen) && d.status.CompareAndSwap(s, s&^flagFresh|flagStale)
}

// Taken is called by the worker that has taken an entry of d from a queue, before it does anything else with it. It reports whether
// the caller has the task. If not, the entry was stale, and pool says whether the caller has to pool the descriptor.
func (d *Task) Taken() (ok, pool bool) {
	for {
		s := d.status.Load() // (T1)
		switch {
		case s&flagStale != 0:
			if d.status.CompareAndSwap(s, s&^flagStale) { // (T2)
				return false, s&stateMask == stFree
			}
		case s&flagFresh != 0:
			if d.status.CompareAndSwap(s, s&^flagFresh) { // (T3)
				return true, false
			}
		default:
			return true, false // (T4)
		}
	}
}

// TakenFresh is the usual case of Taken, which inlines: it reports whether T3 has given the caller the task. If not, ask Taken.
func (d *Task) TakenFresh() bool {
	s := d.status.Load()
	return s&flagStale == 0 && d.status.CompareAndSwap(s, s&^flagFresh)
}

// Begun reports that Taken need not be called: the task has begun before, and no entry of it is stale.
func (s Status) Begun() bool { return s&(flagFresh|flagStale) == 0 }

// Fresh reports whether the word belongs to life gen, and that may be claimed.
func (s Status) Fresh(gen uint32) bool {
	return s.gen() == gen && uint64(s)&(stateMask|flagFresh) == stActive|flagFresh
}

// Stale reports whether a queue holds an entry of the task that the worker which takes it will drop.
func (s Status) Stale() bool { return s&flagStale != 0 }

// freeStale is F3. It reports whether the caller has to pool the descriptor.
func (d *Task) freeStale() (pool bool) {
	for {
		s := d.status.Load()
		if d.status.CompareAndSwap(s, s-stDone+stFree) {
			return s&flagStale == 0
		}
	}
}
