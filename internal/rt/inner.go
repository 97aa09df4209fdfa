package rt

import "context"

// The inner context of a task is one of package context's. Its Done channel is the one that the task's Ctx shows. It is
// made when it is first asked for, as a child of the context that the task is under, and is ended when the task is
// cancelled or ends. So package context closes the channel itself, before the cancel function of the context above has
// returned. The contexts that are derived from the Ctx become children of the inner context, as far as it is faithful.
//
// An inner context can end in two ways: with the context above it, and then it has that one's Err; or by its own cancel
// function, and then its Err is Canceled. It is faithful if the task's Err cannot differ from that: the task is under one
// context at most, and has no deadline of its own. An inner context that is not faithful shows nothing but its channel,
// and contexts that are derived from the Ctx are registered by AfterFunc.

// faithful reports whether the inner context has the task's Err.
func (x *Extra) faithful() bool {
	n := 0
	for u := x.Parents; u != nil; u = u.Next {
		n++
	}
	if x.Owner != nil {
		n++
	}
	return n <= 1 && (x.Deadline == nil || x.Deadline.At.IsZero())
}

// above returns the context that the inner one is a child of.
func (x *Extra) above() context.Context {
	switch {
	case x.Parents != nil:
		return x.Parents.Context
	case x.Owner != nil:
		return x.Owner
	}
	return context.Background()
}

// Done returns the channel that is closed when the task is cancelled or ends.
func (d *Task) Done() <-chan struct{} {
	if x := d.needInner(); x != nil {
		return x.inner.Done()
	}
	return closedChan
}

// needInner returns the extension, with an inner context; or nil if the task has ended and there is none.
//
//	asks for the inner context       cancels or ends the task
//	A1 under mu: set inner           E1 change the status
//	A2 under mu: load the status     E2 CloseDone: under mu, look for inner
//
// Either E2 comes after A1 and finds inner, or A2 comes after E1 and sees the change. Whichever side sets ended ends it.
func (d *Task) needInner() *Extra {
	if !d.escape(d.Gen()) {
		return nil
	}
	// From here on this life keeps its descriptor, and its Extra.
	x := d.NeedExtra()
	x.mu.Lock()
	if x.inner == nil {
		x.mu.Unlock()
		inner, end := context.WithCancelCause(x.above()) // without mu, because it calls methods of a user's context
		x.mu.Lock()
		if x.inner == nil {
			x.inner, x.end, x.of, x.own = inner, end, d, x.faithful()
		} else {
			defer quietly(func() { end(nil) })
		}
	}
	s := d.Status()
	over := !x.ended && (s.Cancelled() || !s.InUse())
	x.ended = x.ended || over
	x.mu.Unlock()
	if over {
		x.endInner()
	}
	return x
}

// endInner ends the inner context. The caller has set ended.
func (x *Extra) endInner() {
	if x.own && x.hasExpired() {
		return // the context above has passed its deadline: the inner one ends with it, and has its Err
	}
	cause := x.of.Cause(context.Canceled, ErrClosed) // nil, if the task has just ended: that is Canceled
	quietly(func() { x.end(cause) })
}

// Inner returns the task's inner context, or nil if the task has ended and there is none.
func (d *Task) Inner() context.Context {
	if x := d.needInner(); x != nil {
		return x.inner
	}
	return nil
}

// Family returns the inner context for package context, which looks there for the place where contexts that are derived
// from the Ctx are to be registered, and for the cause of the end. It is nil if there is none, or it is not faithful.
func (d *Task) Family() context.Context {
	x := d.Extra()
	if x == nil || !d.Status().has(flagEscaped) {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.own {
		return nil
	}
	return x.inner
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
