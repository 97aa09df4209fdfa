package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// A Waiter is one wait for one event, by a task or by an ordinary goroutine. It is
// what blocking operations are built from, package tsync's among them: the waiting side
// makes a Waiter known to those who may bring the event about, and calls Wait; one of
// those claims it and wakes it. The context says who waits: given a task's Ctx, or a
// context derived from it, Wait parks that task; given any other, it blocks the calling
// goroutine.
//
//	waiting side                       waking side
//	w.Init(ctx)
//	make w known, under a lock         under the lock: find w, w.Claim();
//	err := w.Wait()                    if that is true: the event is w's;
//	if err != nil: take w back         then, without the lock, w.Wake(by)
//
// Exactly one claim succeeds, or none if Wait gives up first; so when Wait returns an
// error, nobody has given or will give the event to w.
//
// A Waiter may be used again, by the same or another side, once Wait has returned and no
// other side knows it any more. The zero Waiter must be initialised by Init.
type Waiter struct {
	// Why is what the waiting side waits for, for people to read: see rt.Why. It may set it before it waits.
	Why rt.Why

	w     rt.Waiter
	ctx   context.Context
	c     *Ctx
	own   bool     // ctx is c; set by Prepare
	home  *rt.Home // set by Wake: whose count of owed goroutines to lower
	ended bool     // claimed by the end of ctx
}

// Init prepares w for a wait under ctx.
func (w *Waiter) Init(ctx context.Context) {
	w.ctx, w.home, w.ended = ctx, nil, false
	w.w.Reset()
	w.c = nil
	if c, ok := ctx.(*Ctx); ok {
		w.c = c
	} else if c, ok := From(ctx); ok {
		w.c = c
	}
	if w.c != nil {
		w.w.Task = w.c.desc()
		return
	}
	w.w.Task = nil
	if w.w.C == nil {
		w.w.C = make(chan struct{}, 1)
	}
}

// Task returns the task that waits, or nil if it is a goroutine.
func (w *Waiter) Task() *Ctx { return w.c }

// Claim gives the event to w: if it returns true, the caller must call Wake. Anybody may
// call it. It returns false if w was claimed already or has given up.
func (w *Waiter) Claim() bool { return w.w.Claim() }

// Wake wakes w, which the caller has claimed. by is the running task that calls it, or nil
// from elsewhere; with it, a waiting task of the same scheduler runs next on the caller's worker.
func (w *Waiter) Wake(by *Ctx) {
	d := w.w.Task
	if d == nil {
		// A goroutine that a worker makes ready needs a P; see rt.Home.
		if by != nil {
			w.home = by.desc().Home()
		} else if on := rt.Here(nil); on != nil {
			w.home = on.Home
		}
		if w.home != nil {
			w.home.Owed.Add(1)
		}
		w.w.C <- struct{}{}
		return
	}
	if !d.Wake() {
		return
	}
	home := d.Home()
	if by != nil {
		if !by.running() {
			by.host()
		}
		if on := by.desc().Worker(); on.Home == home {
			on.Host.Local(d)
			return
		}
	}
	home.Sched.Inject(d)
}

// WakeOwed is [Waiter.Wake] by a worker of home between two tasks: a waiting goroutine is owed a P. It is for package
// scheduler.
func (w *Waiter) WakeOwed(home *rt.Home) {
	if w.w.Task == nil {
		w.home = home // Wake counts
	}
	w.Wake(nil)
}

// running reports whether c is the task that its worker runs. Where it is false, host panics. Both
// sides of an operation of package tsync ask, so it must inline; host does not.
func (c *Ctx) running() bool { return (*rt.Desc)(c).Worker().Current.Load() == (*rt.Desc)(c) }

// Wait parks the task, or blocks the goroutine, until w is woken, and returns nil; or until
// its context ends, and returns the cause. If the context has ended but a claim came first, Wait
// returns nil.
func (w *Waiter) Wait() error {
	if w.c == nil {
		return w.block()
	}
	d := w.c.desc()
	if w.ctx != context.Context(w.c) {
		return w.parkDerived(d)
	}
	d.Host().Park(d, w.Why.Park(rt.ForWake))
	if d.Woken() {
		return nil
	}
	if w.w.Abandon() { // cancelled, and nobody was faster
		return w.c.Err()
	}
	d.AwaitWakeFor(w.Why) // of a claim that has been made
	return nil
}

// parkDerived parks under a context that was derived from the task's: its end wakes
// the task as one of those who may claim. The task's own cancellation ends the park too, so
// that the task need not wait for the goroutine of the watch; but it ends the wait only if the context has ended
// as well, which it has not if there is a [context.WithoutCancel] between the two. Then, and if the cancellation is still on
// its way to the context, the claim of the event or of the watch is yet to come, and is waited for.
func (w *Waiter) parkDerived(d *rt.Desc) error {
	if w.ctx.Done() == nil {
		d.AwaitWakeFor(w.Why)
		return nil
	}
	stop := watch(w.ctx, func() {
		if w.Claim() {
			w.ended = true
			w.Wake(nil)
		}
	})
	d.Host().Park(d, w.Why.Park(rt.ForWake))
	if !d.Woken() {
		if w.ctx.Err() != nil && w.w.Abandon() {
			err := context.Cause(w.ctx)
			w.quit(stop)
			return err
		}
		d.AwaitWakeFor(w.Why)
	}
	ended, ctx := w.ended, w.ctx
	w.quit(stop)
	if ended {
		return context.Cause(ctx)
	}
	return nil
}

// quit ends the watch over the context. If it could not be stopped, its function may still
// hold w, so w must not be used again: the fields that Init sets are all the function
// touches, and the claim is spent, so leaving it alone is enough for this
// wait; Spent tells whoever pools waiters.
func (w *Waiter) quit(stop func() bool) {
	if !stop() && !w.ended {
		w.spent()
	}
}

func (w *Waiter) spent() { w.ctx = nil }

// Reusable reports whether w may be used for another wait after Wait has returned. It is false
// in the rare case that the end of the context came together with the event.
//
// Nor may a waiter of a goroutine be: its channel must not get from one synctest bubble into another.
func (w *Waiter) Reusable() bool { return w.ctx != nil && w.w.C == nil }

func (w *Waiter) block() error {
	if done := w.ctx.Done(); done == nil {
		<-w.w.C
	} else {
		select {
		case <-w.w.C:
		case <-done:
			if w.w.Abandon() {
				return context.Cause(w.ctx)
			}
			<-w.w.C
		}
	}
	if w.home != nil {
		w.home.Owed.Add(-1)
	}
	return nil
}

// Enter begins an operation that can wait under ctx. It returns the task that ctx belongs to, or
// nil if the caller is an ordinary goroutine, and the cause if ctx has ended already. For a task
// it is a yield point, like [Ctx.Checkpoint]. It panics if ctx is nil, and where the task's
// state shows that the caller is not the task.
func Enter(ctx context.Context) (*Ctx, error) {
	c, ok := ctx.(*Ctx)
	if !ok {
		return enterOther(ctx)
	}
	if !c.running() {
		c.host()
	}
	if c.Flag.Poll() {
		checkpoint(c)
	}
	if (*rt.Desc)(c).Status().Cancelled() {
		return c, c.Err()
	}
	return c, nil
}

// Enters is the part of [Enter] that inlines, for operations that take only nanoseconds: true says that
// Enter(c) would return no error now, and is not needed.
func (c *Ctx) Enters() bool {
	return c.running() && !c.Flag.Poll() && !(*rt.Desc)(c).Status().Cancelled()
}

func enterOther(ctx context.Context) (*Ctx, error) {
	c, ok := From(ctx)
	if ok {
		if !c.desc().Status().InUse() && ctx.Err() != nil {
			return nil, context.Cause(ctx) // it has ended with the task
		}
		c.host()
		c.Checkpoint()
	}
	if ctx.Err() != nil {
		return c, context.Cause(ctx)
	}
	return c, nil
}

// A Withdrawer is where a waiter waits when that place, and not [Waiter.Claim], decides
// who gets it: a queue under a lock, say, from which it can be taken only once.
type Withdrawer interface {
	// Withdraw takes the waiter back and reports true; or reports false if it has been
	// taken by somebody who has called Wake, or is about to. It may be called by any
	// goroutine, and also after the wait is over, and then reports false.
	Withdraw() bool
}

// Prepare is [Waiter.Init] for a wait by [Waiter.WaitIn]. ctx and c are what [Enter] was
// given and returned.
func (w *Waiter) Prepare(ctx context.Context, c *Ctx) {
	w.ctx, w.c, w.home, w.ended = ctx, c, nil, false
	own, ok := ctx.(*Ctx)
	w.own = ok && own == c
	if c != nil {
		w.w.Task = c.desc()
		return
	}
	w.w.Task = nil
	if w.w.C == nil {
		w.w.C = make(chan struct{}, 1)
	}
}

// Own reports whether the wait that Prepare has prepared is one of a task under its own Ctx.
func (w *Waiter) Own() bool { return w.own }

// WaitIn is [Waiter.Wait] with the claim left to q: whoever takes the waiter out of q has to
// call Wake, once. It returns nil when woken so. When the context ends first, it withdraws
// the waiter, and if that succeeds returns the cause. A claim by removal under a lock that both sides
// hold anyway saves three atomic operations a wait.
func (w *Waiter) WaitIn(q Withdrawer) error {
	if w.c == nil {
		return w.blockIn(q)
	}
	d := w.c.desc()
	if w.ctx != context.Context(w.c) {
		return w.parkDerivedIn(d, q)
	}
	if !w.c.running() {
		w.c.host()
	}
	d.Worker().Host.Park(d, w.Why.Park(rt.ForWake))
	if d.Woken() {
		return nil
	}
	if q.Withdraw() {
		return w.c.Err()
	}
	d.AwaitWakeFor(w.Why)
	return nil
}

// parkDerivedIn is parkDerived with the claim left to q.
func (w *Waiter) parkDerivedIn(d *rt.Desc, q Withdrawer) error {
	if w.ctx.Done() == nil {
		d.AwaitWakeFor(w.Why)
		return nil
	}
	stop := watch(w.ctx, func() {
		if q.Withdraw() {
			w.ended = true
			w.Wake(nil)
		}
	})
	d.Host().Park(d, w.Why.Park(rt.ForWake))
	if !d.Woken() {
		if w.ctx.Err() != nil && q.Withdraw() {
			err := context.Cause(w.ctx)
			w.quit(stop)
			return err
		}
		d.AwaitWakeFor(w.Why)
	}
	ended, ctx := w.ended, w.ctx
	w.quit(stop)
	if ended {
		return context.Cause(ctx)
	}
	return nil
}

func (w *Waiter) blockIn(q Withdrawer) error {
	if done := w.ctx.Done(); done == nil {
		<-w.w.C
	} else {
		select {
		case <-w.w.C:
		case <-done:
			if q.Withdraw() {
				return context.Cause(w.ctx)
			}
			<-w.w.C
		}
	}
	if w.home != nil {
		w.home.Owed.Add(-1)
	}
	return nil
}

// WaitWoken is [Waiter.WaitIn] that the end of the context does not end.
func (w *Waiter) WaitWoken() {
	if w.c != nil {
		w.c.desc().AwaitWakeFor(w.Why)
		return
	}
	<-w.w.C
	if w.home != nil {
		w.home.Owed.Add(-1)
	}
}
