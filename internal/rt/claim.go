package rt

// A task that was started with Spawned and has not begun is fresh: flagFresh is set. A waiter is a
// task that waits for the end of the fresh task. The waiter may claim the fresh task while it is in
// a queue, whichever queue that is. Its own worker then runs the claimed task at once, because the
// waiter cannot go on before that task ends anyway. Any number of takers and waiters may meet:
//
//	taker (took d's entry from a queue)      waiter (waits for d's end)
//	Claim-T1  load the word                  Claim-C1  load the word; go on if it is
//	Claim-T2  stale: CAS the flag out,                 fresh and of the right life
//	          drop the entry                 Claim-C2  CAS fresh to stale: the waiter
//	Claim-T3  fresh: CAS the flag out,                 runs d; the entry stays in the
//	          the taker runs d                         queue
//	Claim-T4  neither: the taker runs d
//
// Fresh is cleared once in a life, by the CAS of Claim-T3 or of Claim-C2, so exactly one party gets
// the task. The number of entries of a descriptor in all queues is
//
//	entries(d) = queued(d) + stale(d)
//
// where queued(d) is 1 while d is runnable and not on its way to a worker, and stale(d) is 1 while
// flagStale is set. Every step keeps the equation:
//
//   - Spawn sets entries and queued to 1.
//   - Claim-T3 and Claim-T4 lower entries and queued.
//   - Claim-C2 lowers queued and raises stale.
//   - Claim-T2 lowers entries and stale.
//   - Queueing d again, after it has suspended, raises entries and queued.
//
// If a taker finds stale set while two entries are queued, it may drop either one, because the
// other then stands for d. Both are in queues that searchers look at, so the task stays as visible
// as the producer's steps have made it (see the sleep protocol in package idle). For the same
// reason a taker may leave out Claim-T1 to Claim-T4 if it knows that its entry is one that queueing
// d again has made. It then runs d, and stale stays set for the other entry.
//
// A descriptor must not serve another life while it has a stale entry, because Claim-T1 would take
// that entry for one of the new life. So when a task has ended, the later of two parties pools its
// descriptor, the finisher or the taker of the stale entry:
//
//	finisher                                 taker
//	Claim-F1  CAS Active to Done, and raise  Claim-T2  CAS stale out; if the state is
//	          the generation, because                  Free, the taker pools the
//	          stale is set                             descriptor
//	Claim-F2  take the waiters
//	Claim-F3  CAS Done to Free; if stale is
//	          out by then, the finisher
//	          pools the descriptor
//
// Both CASes change the same word. If Claim-F3 comes first, Claim-T2 finds Free; otherwise Claim-F3
// finds stale cleared. Between Claim-F1 and Claim-F3 the descriptor is Done for every handle, and
// only the finisher touches its waiters. Without the state Done in between, the taker could pool
// the descriptor before Claim-F2, and Claim-F2 would take the waiters of the next life. If the task
// was under a context, the extension stays until the descriptor is pooled. That party takes it out.

const (
	flagFresh = 1 << (waitReasonShift + 8) // the task has not begun, and a waiter may claim it
	flagStale = 1 << (waitReasonShift + 9) // a queue holds one entry of the descriptor too many
)

// Spawned is Start for a task that goes to a worker's own queue. If the task is of the normal
// level, a waiter may claim it.
func (d *Task) Spawned(fn any, x *Extra) {
	if x != nil {
		d.start(fn, x, flagFresh)
		return
	}
	d.fn = fn
	if d.extra.Load() != nil { // left by a party that came too late for the last life
		d.extra.Store(nil)
	}
	d.status.Store(d.status.Load()&genMask | stActive | flagFresh)
}

// If life gen of d is fresh, Claim gives it to the caller to run (Claim-C1, Claim-C2) and returns
// true. The entry stays in its queue. The worker that takes the entry later learns from Taken that
// it is stale.
func (d *Task) Claim(gen uint32) bool {
	s := d.status.Load()
	return Status(s).Fresh(gen) && d.status.CompareAndSwap(s, s&^flagFresh|flagStale)
}

// A worker that has taken an entry of d from a queue calls Taken before it does anything else with
// d. ok reports whether the caller has the task. If not, the entry was stale, and pool reports
// whether the caller has to pool the descriptor.
func (d *Task) Taken() (ok, pool bool) {
	for {
		s := d.status.Load() // (Claim-T1)
		switch {
		case s&flagStale != 0:
			if d.status.CompareAndSwap(s, s&^flagStale) { // (Claim-T2)
				return false, s&stateMask == stFree
			}
		case s&flagFresh != 0:
			if d.status.CompareAndSwap(s, s&^flagFresh) { // (Claim-T3)
				return true, false
			}
		default:
			return true, false // (Claim-T4)
		}
	}
}

// TakenFresh is the usual case of Taken, short enough to inline. It returns true if the caller got
// the task by Claim-T3. Otherwise the caller has to call Taken.
func (d *Task) TakenFresh() bool {
	s := d.status.Load()
	return s&flagStale == 0 && d.status.CompareAndSwap(s, s&^flagFresh)
}

// Begun reports whether the task has begun and no entry of it is stale. Then Taken need not be
// called.
func (s Status) Begun() bool { return s&(flagFresh|flagStale) == 0 }

// Fresh reports whether the word belongs to life gen and a waiter may claim that life.
func (s Status) Fresh(gen uint32) bool {
	return s.gen() == gen && uint64(s)&(stateMask|flagFresh) == stActive|flagFresh
}

// Stale reports whether a queue holds a stale entry of the task, which the worker that takes it
// will drop.
func (s Status) Stale() bool { return s&flagStale != 0 }

// freeStale is Claim-F3. It reports whether the caller has to pool the descriptor.
func (d *Task) freeStale() (pool bool) {
	for {
		s := d.status.Load()
		if d.status.CompareAndSwap(s, s-stDone+stFree) {
			return s&flagStale == 0
		}
	}
}
