package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Waiter is one wait for one event, by a task or by an ordinary goroutine. It is
// what blocking operations are built from, package tsync's among them: the waiting side
// makes a Waiter known to those who may bring the event about, and calls Wait; one of
// those claims it and wakes it. Wait parks the task that has called Init, or blocks the
// goroutine; the context says how long.
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

	end Task // whose end brings the event, or none; see rt.Host.ParkFor

	w     rt.Waiter
	ctx   context.Context
	c     *Ctx
	own   bool     // ctx is c; set by Prepare
	home  *rt.Home // set by Wake: whose count of owed goroutines to lower
	ended bool     // claimed by the end of ctx
}

// Init prepares w for a wait under ctx by the caller, which has to call Wait.
func (w *Waiter) Init(ctx context.Context) {
	w.ctx, w.home, w.ended = ctx, nil, false
	w.w.Reset()
	if w.c = caller(ctx); w.c != nil {
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

// Wake wakes w, which the caller has claimed. A waiting task runs next on the caller's worker, if the caller is a task of the same
// scheduler. by may be the caller, if that is a task, and then Wake need not look up the caller.
func (w *Waiter) Wake(by *Ctx) {
	d := w.w.Task
	if d == nil {
		// A goroutine that a worker makes ready needs a P; see rt.Home.
		if by != nil {
			w.home = by.desc().Home()
		} else if me := rt.Current(); me != nil {
			w.home = me.Home()
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
	if by != nil && by.desc().Mine() {
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

// Wait parks the task, or blocks the goroutine, until w is woken, and returns nil; or until
// its context ends, and returns the cause. If the context has ended but a claim came first, Wait
// returns nil. If a method of the context panics, so does Wait, and gives up; unless a claim came first: then
// it returns nil, and the panic is dropped, because it no longer matters when the context ends.
func (w *Waiter) Wait() error {
	if w.c == nil || w.ctx != context.Context(w.c) {
		_, err := w.waitForeign(claims{w})
		return err
	}
	d := w.c.desc()
	d.Host().Park(d, w.Why.Park(rt.ForWake))
	if d.Woken() {
		return nil
	}
	if w.w.Abandon() { // cancelled, and nobody was faster
		return w.c.Cause()
	}
	d.AwaitWakeFor(w.Why) // of a claim that has been made
	return nil
}

// claims is the Withdrawer of a wait in which [Waiter.Claim] decides.
type claims struct{ w *Waiter }

// Withdraw implements Withdrawer.
func (q claims) Withdraw() bool { return q.w.w.Abandon() }

// A foreignWait is a wait under a context that is not the task's own Ctx, and whose methods can therefore be the user's
// code. While the waiter is in q, a method that panics or calls runtime.Goexit must not get between the waiter and its
// event. What is due then, in the deferred call, depends on the phase:
//
//	waiting    F1 Withdraw the waiter. If that succeeds, the phase is withdrawn.
//	           F2 Otherwise another party has claimed it. Wait for its Wake, uncancellably: left alone, the Wake would
//	              end whatever the task waits for next. Now the phase is woken.
//	withdrawn  The panic goes on: nothing has changed, and no other party knows the waiter.
//	woken      If the end of the context has claimed the waiter, likewise. Otherwise the event has happened and belongs
//	           to this wait, and it does not matter any more when the context ends. So
//	           F3 the panic is dropped.
//
// The function of the watch may still hold the waiter, which is therefore never used again.
type foreignWait struct {
	w     *Waiter
	q     Withdrawer
	stop  func() bool // ends the watch over the context, or nil
	phase waitPhase
}

type waitPhase uint8

const (
	waiting waitPhase = iota
	withdrawn
	woken
)

// waitForeign waits as foreignWait says. broken is a panic that was dropped.
func (w *Waiter) waitForeign(q Withdrawer) (broken any, err error) {
	f := foreignWait{w: w, q: q}
	returned := false
	defer func() {
		if returned {
			return
		}
		w.spent()
		if f.phase == waiting {
			if f.phase = withdrawn; !q.Withdraw() { // (F1)
				w.WaitWoken() // (F2)
				f.phase = woken
			}
		}
		f.forget()
		if f.phase == woken && !w.ended {
			broken, err = recover(), nil // (F3)
		}
	}()
	if w.c == nil {
		err = f.block()
	} else {
		err = f.park()
	}
	returned = true
	return nil, err
}

// park parks under a context that is not the task's own: its end wakes
// the task as one of those who may claim. The task's own cancellation ends the park too, so
// that the task need not wait for the goroutine of the watch; but it ends the wait only if the context has ended
// as well, which it has not if there is a [context.WithoutCancel] between the two. Then, and if the cancellation is still on
// its way to the context, the claim of the event or of the watch is yet to come, and is waited for.
func (f *foreignWait) park() error {
	w, q := f.w, f.q
	d, ctx := w.c.desc(), w.ctx
	if ctx.Done() == nil {
		w.awaitEvent()
		return nil
	}
	f.stop = watch(ctx, func() {
		if q.Withdraw() {
			w.ended = true
			w.Wake(nil)
		}
	})
	w.park(rt.ForWake)
	if !d.Woken() {
		if ctx.Err() != nil && q.Withdraw() {
			f.phase = withdrawn
			err := causeOf(ctx)
			w.quit(f.stop)
			return err
		}
		d.AwaitWakeFor(w.Why)
	}
	f.phase = woken
	ended := w.ended
	w.quit(f.stop)
	if ended {
		return causeOf(ctx)
	}
	return nil
}

// block blocks the goroutine that waits.
func (f *foreignWait) block() error {
	w := f.w
	if done := w.ctx.Done(); done == nil {
		w.receive()
	} else {
		select {
		case <-w.w.C:
		case <-done:
			if f.q.Withdraw() {
				f.phase = withdrawn
				return causeOf(w.ctx)
			}
			w.receive()
		}
	}
	f.phase = woken
	if w.home != nil {
		w.home.Owed.Add(-1)
	}
	return nil
}

// forget ends the watch after a panic. If that panics too, the first panic is the one to show.
func (f *foreignWait) forget() {
	if f.stop == nil {
		return
	}
	defer func() { _ = recover() }()
	f.stop()
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

// Enter begins an operation that can wait until ctx ends. It returns the task that calls, or nil if that is an
// ordinary goroutine, and the cause if ctx has ended already. For a task
// it is a yield point, like [Ctx.Checkpoint]. It panics if ctx is nil.
func Enter(ctx context.Context) (*Ctx, error) {
	c, ok := ctx.(*Ctx)
	if !ok || !c.desc().Mine() {
		if c = caller(ctx); c == nil || context.Context(c) != ctx {
			return enterOther(ctx, c)
		}
	}
	c.Checkpoint()
	if (*rt.Desc)(c).Status().Cancelled() {
		return c, c.Cause()
	}
	return c, nil
}

// background is the context of the waits that nothing but their event ends.
var background = context.Background()

// Enters is the part of [Enter] for operations that take only nanoseconds: true says that
// Enter(c) would return c and no error now, and is not needed.
func (c *Ctx) Enters() bool {
	return (*rt.Desc)(c).Mine() && !(*rt.Desc)(c).Poll() && !(*rt.Desc)(c).Status().Cancelled()
}

// enterOther is Enter by c, or by a goroutine, under a context that is not c.
func enterOther(ctx context.Context, c *Ctx) (*Ctx, error) {
	if c != nil {
		c.Checkpoint()
	}
	if ctx.Err() != nil {
		return c, causeOf(ctx)
	}
	return c, nil
}

// causeOf returns the cause of ctx, which has ended, and never nil. A wait under the Ctx of another task hears of its end a moment
// before it can be asked for the cause; without one it would report an event that has not happened.
func causeOf(ctx context.Context) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return context.Canceled
}

// Current returns the task on which the caller runs. ok is false if it runs on none: an ordinary goroutine, or a function of
// [Ctx.Blocking]. It costs some nanoseconds, however many workers and schedulers there are. Any goroutine may call it.
//
// A fiber, the stack of a task, is a goroutine of its own, which the address of the Go runtime's record of it tells apart.
func Current() (c *Ctx, ok bool) {
	d := rt.Current()
	return (*Ctx)(d), d != nil
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
// the waiter, and if that succeeds returns the cause. A context that panics is dealt with as in Wait. A claim by removal under a lock that both sides
// hold anyway saves three atomic operations a wait.
func (w *Waiter) WaitIn(q Withdrawer) error {
	_, err := w.waitIn(q)
	return err
}

// park parks the task until an event of the kind k. If w waits for the end of a task that has not begun, that runs next.
func (w *Waiter) park(k rt.Park) {
	d := w.c.desc()
	if w.end.desc() != nil {
		d.Host().ParkFor(d, w.Why.Park(k), w.end.desc(), w.end.life())
		return
	}
	d.Host().Park(d, w.Why.Park(k))
}

// awaitEvent parks the task until w is woken, whatever else happens.
func (w *Waiter) awaitEvent() {
	d := w.c.desc()
	if w.end.desc() != nil {
		w.park(rt.ForWakeOnly)
		if d.Woken() {
			return
		}
	}
	d.AwaitWakeFor(w.Why)
}

// waitIn is WaitIn. broken is a panic of the context that was dropped, for a q whose Withdraw always reports false.
func (w *Waiter) waitIn(q Withdrawer) (broken any, err error) {
	if w.c == nil || w.ctx != context.Context(w.c) {
		if w.c != nil && w.ctx == background {
			w.awaitEvent()
			return nil, nil
		}
		return w.waitForeign(q)
	}
	d := w.c.desc()
	d.Worker().Host.Park(d, w.Why.Park(rt.ForWake))
	if d.Woken() {
		return nil, nil
	}
	if q.Withdraw() {
		return nil, w.c.Cause()
	}
	d.AwaitWakeFor(w.Why)
	return nil, nil
}

// WaitWoken is [Waiter.WaitIn] that the end of the context does not end.
func (w *Waiter) WaitWoken() {
	if w.c != nil {
		w.c.desc().AwaitWakeFor(w.Why)
		return
	}
	w.receive()
	if w.home != nil {
		w.home.Owed.Add(-1)
	}
}

// receive blocks the goroutine that waits until the wake-up comes.
func (w *Waiter) receive() {
	atomicx.Await("wake-up", func() bool { return len(w.w.C) > 0 })
	<-w.w.C
}
