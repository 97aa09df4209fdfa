package rt

// A stolen call is cancelled only by the cancellation of its parent, the task that forked it, or by
// itself, if it finds its parent cancelled. Neither Close nor a park in a closed scheduler cancels
// a stolen call directly. So a call reports the cause that its parent was cancelled with, and the
// order in which Close meets the two descriptors does not matter. Two threads meet:
//
//	canceller                                   thief
//	Stolen-C1  CAS the flag into the parent's   Stolen-K1  under mu: note the call with
//	           word                                        its parent
//	Stolen-C2  read the parent's calls by       Stolen-K2  load the parent's word; if it
//	           Deps-E2 and Deps-E3 (see                    is cancelled, cancel the call
//	           dependents); cancel each as                 as the parent was
//	           the parent was
//
// If Stolen-C2 reads the calls after Stolen-K1, it finds the call. Otherwise it has found no Extra
// or no dependents, or has read the calls under mu, and in each case that comes before the end of
// Stolen-K1. So Stolen-C1 comes before Stolen-K2, which sees the flag. If both cancel the call, the
// second finds it cancelled and does nothing. A stolen call may have stolen calls of its own. They
// are cancelled by the same steps, with the stolen call as their parent.
//
// Several cancellers may be at work below one task, because a call that asks for its own state
// looks at its parent and, if that is cancelled, cancels itself. So Stolen-C2 goes on below a call
// that another canceller has cancelled. That other canceller may not have reached its own Stolen-C2
// yet, and a caller of Cancel may rely on it that all stolen calls are cancelled when Cancel
// returns. The word shows that the call is still in the life that Stolen-C2 read. A cancelled
// descriptor serves no later life.
//
// Stolen-C2 follows each successful Stolen-C1. There is one exception: a task that parks in a
// closed scheduler does only Stolen-C1. So Close does Stolen-C2 also for a task that was cancelled
// before. Close meets every started task that is not a stolen call and was live before the phase
// changed. Later tasks are skipped, or, in a life that Renew has begun, cancelled before they run
// (Renewal-W2). From there Stolen-C2 reaches all stolen calls.
//
// The parent's descriptor does not serve another task meanwhile. Stolen-K2 comes before the
// parent's join, which waits for the call, and a cancelled task's descriptor is never used again.

// Stolen reports whether the present life is a stolen call. Any goroutine may call it, and has to
// check the generation itself.
func (d *Task) Stolen() bool {
	x := d.Extra()
	return x != nil && x.Stolen
}

// Adopt makes call a stolen call of d, which has forked it and has to join it. call has started its
// life and is in no queue. The thief calls Adopt.
func (d *Task) Adopt(call *Task) {
	gen := call.Gen()
	d.Extra().AddStolen(call, gen) // (Stolen-K1)
	if d.Status().Cancelled() {
		call.cancelAs(gen, d) // (Stolen-K2)
	}
}

// CancelStolen passes the cancellation of d on to its stolen calls (Stolen-C2), and queues the
// calls that this wakes. l and the result are as for CloseDone.
func (d *Task) CancelStolen(l *Late) *Late {
	x := d.Extra()
	if x == nil {
		return l
	}
	x.EachStolen(func(call *Task, gen uint32) {
		_, queue := call.cancelAs(gen, d)
		if s := call.Status(); s.gen() != gen || !s.Cancelled() {
			return // the call has ended
		}
		l = call.CancelStolen(call.Extra().CloseDone(l))
		if queue {
			call.Shared().Sched.Inject(call)
		}
	})
	return l
}

// cancelAs cancels life gen of d for the cause of p, which is cancelled.
func (d *Task) cancelAs(gen uint32, p *Task) (did, queue bool) {
	s := p.Status()
	switch {
	case s.has(flagClosed):
		return d.Cancel(gen, Closed)
	case s.has(flagCaused):
		if !d.SetCause(gen, p.Extra().getCause(), p.Extra().hasExpired()) {
			return false, false
		}
		return d.Cancel(gen, Custom)
	}
	return d.Cancel(gen, Default)
}

// Close is called by the scheduler's Close for each descriptor, after it has set the phase. The
// results are those of Handle.CancelFor.
func (d *Task) Close() (queue bool, late *Late) {
	s := d.Status()
	if !s.InUse() {
		return false, nil
	}
	if d.Stolen() {
		return false, nil // its parent is cancelled, or will be
	}
	// If the descriptor has come to serve another task since s was loaded, that task started in a
	// closed scheduler. It is skipped, or cancelled by Renewal-W2, or it is a stolen call and ends
	// with its parent.
	_, queue = d.Cancel(s.Gen(), Closed) // (Stolen-C1)
	if x := d.Extra(); x != nil && d.Status().Cancelled() {
		late = d.CancelStolen(x.CloseDone(nil)) // (Stolen-C2)
	}
	return queue, late
}
