package rt

import "context"

// A task's inner context is a context that package context makes. The task's Ctx shows its Done
// channel. The first caller that needs the inner context makes it, as a child of the context above,
// which is the context that the task is under. It ends when the task is cancelled or ends. So if
// the context above is cancelled, package context itself closes the channel, before the cancel
// function returns. Contexts that are derived from the Ctx become children of the inner context if
// it is faithful.
//
// An inner context can end in two ways. If the context above ends, the inner context gets the Err
// of that context. If its own cancel function is called, its Err is Canceled. It is faithful if the
// task's Err cannot differ from this: the task is under at most one context and has no deadline of
// its own. An inner context that is not faithful shows only its channel, and contexts that are
// derived from the Ctx are registered by AfterFunc.

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

// above returns the parent of the inner context. It calls methods of a user's context.
func (x *Extra) above() context.Context {
	switch {
	case x.Parents != nil:
		return See(x.Parents.Context)
	case x.Owner != nil:
		return See(x.Owner)
	}
	return context.Background()
}

// Done returns the channel that is closed when the life is cancelled or ends.
func (c *Life) Done() <-chan struct{} {
	if p := c.needInner(); p != nil {
		return p.inner.Done()
	}
	return closedChan
}

// needInner returns the dependents, with an inner context. It returns nil if the life has ended.
//
// The caller and CloseDone follow the steps at dependents. If both see that the inner context has
// to end, the side that sets innerEnded, under mu, ends it.
func (c *Life) needInner() *dependents {
	d := c.Task()
	if !d.escape(c.Gen()) {
		return nil
	}
	// From here on this life keeps its descriptor and its Extra.
	x := d.NeedExtra()
	x.mu.Lock()
	p := x.needDeps()
	if p.inner == nil {
		x.mu.Unlock()
		inner, end := context.WithCancelCause(x.above()) // without mu: it calls a user's context
		x.mu.Lock()
		if p.inner == nil {
			p.inner, p.end, p.of, p.own = inner, end, d, x.faithful() // (Deps-A1)
		} else {
			defer end(nil)
		}
	}
	s := d.Status() // (Deps-A2)
	ended := !p.innerEnded && (s.Cancelled() || !s.InUse())
	p.innerEnded = p.innerEnded || ended
	x.mu.Unlock()
	if ended {
		x.endInner()
	}
	return p
}

// endInner ends the inner context. The caller has set innerEnded. It calls no user's code: the
// contexts derived from the inner one are package context's own, and a seen answers for the context
// above (see See).
func (x *Extra) endInner() {
	p := x.deps.Load()
	if p.own && x.hasExpired() {
		// The context above has passed its deadline. The inner context ends with it and has its
		// Err.
		return
	}
	// The cause is nil if the task has just ended; package context makes that Canceled.
	p.end(p.of.Cause(context.Canceled, ErrClosed))
}

// Inner returns the inner context, or nil if the life has ended.
func (c *Life) Inner() context.Context {
	if p := c.needInner(); p != nil {
		return p.inner
	}
	return nil
}

// Family returns the inner context for package context, or nil if there is none or it is not
// faithful. Package context registers derived contexts there, and takes the cause of the end from
// it.
func (d *Task) Family() context.Context {
	x := d.Extra()
	if x == nil || !d.Status().has(flagEscaped) {
		return nil
	}
	p := x.deps.Load()
	if p == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if !p.own {
		return nil
	}
	return p.inner
}

var closedChan = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()
