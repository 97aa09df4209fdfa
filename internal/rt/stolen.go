package rt

// Stolen calls are cancelled with the task that they are a part of, and by nothing else but themselves: neither Close nor a
// park in a closed scheduler cancels one directly. So a call reports the cause that its parent was cancelled with, and it
// does not matter in which order Close comes by the two descriptors. Two threads meet:
//
//	canceller                                  thief
//	C1 CAS the flag into the parent's word     K1 note the kid with its parent, under mu
//	C2 read the parent's kids, under mu, and   K2 load the parent's word; if it is cancelled,
//	   cancel each as the parent was              cancel the kid as the parent was
//
// If K1 comes before C2, C2 finds the kid. Otherwise C1 comes before C2, C2 before K1 and K1 before K2, so K2 sees the
// flag. If both happen, the second finds the kid cancelled and does nothing. A kid's own kids follow by the same steps,
// with the kid in the parent's place.
//
// Several cancellers may be at work below one task, because a call that asks for its own state looks at its parent and then
// cancels itself. So C2 goes on below a kid that another has cancelled: that other one may still be before its own C2, and
// a caller of Cancel may rely on all kids being cancelled. The word tells that the kid's life is the one that C2
// read. After that the descriptor serves no other life, since it is cancelled.
//
// C2 follows each successful C1. Close does both, and does C2 also for a task that was cancelled before, because a task
// that parks in a closed scheduler does C1 alone. Close meets every task that is no stolen call and has started: such
// a task was alive before the phase changed, or it would have been skipped. From there C2 leads to all stolen calls.
//
// The parent's descriptor does not serve another task meanwhile: K2 comes before the parent's join, which waits for the
// kid, and a cancelled task's descriptor is never used again.

// Stolen reports whether the present life is a stolen call. Anyone may ask; the caller has to check the generation itself.
func (d *Task) Stolen() bool {
	x := d.Extra()
	return x != nil && x.Stolen
}

// Adopt makes kid, which has been started and not queued, a part of d: a call that d has forked and waits for. It is
// called by the thief.
func (d *Task) Adopt(call *Task) {
	gen := call.Gen()
	d.Extra().AddStolen(call, gen) // (K1)
	if d.Status().Cancelled() {
		call.cancelAs(gen, d) // (K2)
	}
}

// CancelKids passes the cancellation of d on to its stolen calls (C2), and queues those that it wakes.
func (d *Task) CancelKids() {
	x := d.Extra()
	if x == nil {
		return
	}
	x.EachStolen(func(call *Task, gen uint32) {
		_, queue := call.cancelAs(gen, d)
		if s := call.Status(); s.gen() != gen || !s.Cancelled() {
			return // it has ended
		}
		if x := call.Extra(); x != nil {
			x.CloseDone()
		}
		call.CancelKids()
		if queue {
			call.Shared().Sched.Inject(call)
		}
	})
}

// cancelAs is Cancel for the reason that p, which is cancelled, was cancelled for.
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

// Close is what the scheduler's Close does with each descriptor, after it has set the phase. It reports whether the caller
// has to queue the task.
func (d *Task) Close() (queue bool) {
	s := d.Status()
	if !s.InUse() {
		return false
	}
	if d.Stolen() {
		return false // its parent is, or will be, cancelled
	}
	// If the descriptor has come to serve another task since s was loaded, that one started in a closed scheduler. It is
	// skipped, or it is a stolen call and ends with its parent.
	_, queue = d.Cancel(s.Gen(), Closed) // (C1)
	if x := d.Extra(); x != nil && d.Status().Cancelled() {
		x.CloseDone()
		d.CancelKids() // (C2)
	}
	return queue
}
