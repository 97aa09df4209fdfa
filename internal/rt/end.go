package rt

// An End says how a task ended.
type End uint8

// The ends of a task.
const (
	Returned End = iota
	Failed       // by a panic or Goexit; the error is in Extra
	Skipped      // the task was cancelled before it started
)

// Finish ends the present life and returns the waiters for its end. free reports whether the caller
// has to pool the descriptor; its state is then Free, in a new generation. If free is false, either
// the state stays Done, or the party that takes the stale entry pools the descriptor: see claim.go.
// The worker that runs the task calls Finish. If the task ends without having run, the party that
// took it from its queue does.
func (d *Task) Finish(e End) (waiters *Waiter, free bool) {
	if e == Skipped {
		if r, ok := d.fn.(Runner); ok {
			r.Skip(d)
		}
	}
	d.fn = nil
	d.fib.Store(nil)
	for {
		s := d.status.Load()
		var n uint64
		stale := false
		if n = s + genOne; e == Returned && n&(flagCancelled|flagEscaped|genEnd) == 0 {
			n = n&genMask | stFree
			if stale = s&flagStale != 0; stale {
				n = n - stFree + stDone | flagStale // (Claim-F1), see claim.go
			}
		} else {
			n = s&^(stateMask|waitReasonMask) | stDone
			switch e {
			case Failed:
				n |= flagFailed
			case Skipped:
				n |= flagSkipped
			}
		}
		if !d.status.CompareAndSwap(s, n) {
			continue // a flag was set meanwhile, and may matter
		}
		if free = n&stateMask == stFree; (free || stale) && d.extra.Load() != nil && !d.extra.Load().HasContext() {
			d.extra.Store(nil) // otherwise taskpool.List.Put does that, which puts d into another list
		}
		waiters = d.takeWaiters() // (End-F2), see Await; (Claim-F2)
		if stale {
			free = d.freeStale() // (Claim-F3)
		}
		return waiters, free
	}
}

// FinishPlain is Finish(Returned) for a task that most likely has no extension, no waiters and
// nothing else that Finish looks at. It returns false, and changes nothing that matters, if Finish
// has to end the task. Otherwise the descriptor is free, and the caller has to take the waiters
// (End-F2) and pool the descriptor.
func (d *Task) FinishPlain() bool { return d.finishPlain(stFree) }

// Renew is FinishPlain, and begins the descriptor's next life by the same CAS: Active -> Active. So
// the caller need not pool the descriptor, take it again and start it. The new life has the same
// worker, and is its current task already. Any party that holds something of the last life, a
// handle or a Ctx, compares generations, and so cannot tell Renew from Finish, pool and Start.
func (d *Task) Renew() bool { return d.finishPlain(stActive) }

func (d *Task) finishPlain(next uint64) bool {
	if d.fn != nil {
		d.fn = nil
	}
	if d.fib.Load() != nil {
		d.fib.Store(nil)
	}
	for {
		s := d.status.Load()
		n := s + genOne
		if n&(flagCancelled|flagEscaped|genEnd|flagStale) != 0 {
			return false
		}
		if d.status.CompareAndSwap(s, n&genMask|next) {
			return true
		}
	}
}

// Plain reports whether the task has neither an extension nor waiters. Others may add waiters, and,
// once they have made the life the descriptor's last, an extension.
func (d *Task) Plain() bool { return d.extra.Load() == nil && d.waiters.Load() == nil }

// TakeWaiters is End-F2 for FinishPlain and Renew. The caller takes the waiters before it pools the
// descriptor.
func (d *Task) TakeWaiters() *Waiter { return d.takeWaiters() }

// Err returns the error that life gen ended with. It is nil if that life has not ended, or returned
// normally without having been cancelled. Err returns the parameter closed if the scheduler's Close
// cancelled the task, and the parameter cancelled if the task was cancelled without a cause.
func (d *Task) Err(gen uint32, cancelled, closed error) error {
	s := d.Status()
	if s.gen() != gen || s.state() != stDone {
		return nil
	}
	if s.has(flagFailed) {
		return d.Extra().Err
	}
	if s.has(flagCancelled) {
		return d.Cause(cancelled, closed)
	}
	return nil
}
