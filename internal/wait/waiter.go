package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Waiter is one wait for one event, by a task or by an ordinary goroutine. The waiting side makes it known to those that may
// bring the event about, and waits; one of them claims it and wakes it. There are two ways to claim:
//
//   - by Init, Claim and Wait, as task.Waiter documents them: a CAS in the Waiter decides;
//   - by Prepare and WaitIn: a [Withdrawer] decides, a queue under a lock for instance. The party that takes the waiter out of the queue
//     has claimed it. A lock that both sides hold anyway saves three atomic operations a wait.
//
// Exactly one claim succeeds, or none if the wait gives up first; so when a wait returns an error, its waiter has not been given
// the event and never will be. The party that has claimed a waiter has to call Wake, once.
//
// A Waiter may be used again, by the same or another side, once the wait has returned and no other side knows it any more: see
// Reusable. The zero Waiter must be initialised by Init or Prepare.
type Waiter struct {
	// What the waiting side may set between Prepare or Init and the wait.
	Reason rt.WaitReason // what it waits for, for people to read
	End    rt.Handle     // the task whose end brings the event, or none: if it has not begun, it runs next; see rt.Host.ParkFor

	w     rt.Waiter
	ctx   context.Context
	d     *rt.Task
	own   bool       // ctx is d's Ctx
	home  *rt.Shared // set by Wake: whose count of owed goroutines to lower
	ended bool       // claimed by the end of ctx
}

// Init prepares w for a wait under ctx by the caller, which has to call Wait.
func (w *Waiter) Init(ctx context.Context) {
	w.w.Reset()
	w.Prepare(ctx, Caller(ctx))
}

// Prepare is Init for a wait by d, which calls, or by a goroutine if that is nil: what [Enter] has returned. The caller has to call
// WaitIn, WaitWoken, or Wait; for this w must be new.
func (w *Waiter) Prepare(ctx context.Context, d *rt.Task) {
	w.ctx, w.d, w.home, w.ended = ctx, d, nil, false
	w.w.Task = d
	if d != nil {
		w.own = rt.OfCtx(ctx) == d
		return
	}
	w.own = false
	if w.w.C == nil {
		w.w.C = make(chan struct{}, 1)
	}
}

// Task returns the task that waits, or nil if it is a goroutine.
func (w *Waiter) Task() *rt.Task { return w.d }

// Own reports whether the wait is one of a task under its own Ctx.
func (w *Waiter) Own() bool { return w.own }

// Claim gives the event to w: if it returns true, the caller must call Wake. Any goroutine or task may
// call it. It returns false if w was claimed already or has given up.
func (w *Waiter) Claim() bool { return w.w.Claim() }

// Wake wakes w, which the caller has claimed. A waiting task runs next on the caller's worker, if the caller is a task of the same
// scheduler. by may be the caller, if that is a task, and then Wake need not look up the caller.
func (w *Waiter) Wake(by *rt.Task) {
	d := w.w.Task
	if d == nil {
		// A goroutine that a worker makes ready needs a P; see rt.Home.
		if by != nil {
			w.home = by.Shared()
		} else if me := rt.Current(); me != nil {
			w.home = me.Shared()
		}
		if w.home != nil {
			w.home.ReadyGoroutines.Add(1)
		}
		w.w.C <- struct{}{}
		return
	}
	if !d.Wake() {
		return
	}
	home := d.Shared()
	if by != nil && by.IsCurrent() {
		if on := by.Worker(); on.Shared == home {
			on.Host.Local(d)
			return
		}
	}
	home.Sched.Inject(d)
}

// WakeOwed is [Waiter.Wake] by a worker of home between two tasks: a waiting goroutine is owed a P.
func (w *Waiter) WakeOwed(home *rt.Shared) {
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
	if !w.own {
		_, err := w.waitForeign(claims{w})
		return err
	}
	d := w.d
	d.Host().Park(d, w.Reason.Park(rt.ForWake))
	if d.Woken() {
		return nil
	}
	if w.w.Abandon() { // cancelled, before a claim
		return d.CtxCause()
	}
	d.AwaitWakeFor(w.Reason) // of a claim that has been made
	return nil
}

// AwaitEnd registers w, which is new and prepared for a Wait, with the task End. It reports false if that has ended already, and
// then w must not wait. Otherwise the end of the task claims and wakes w.
func (w *Waiter) AwaitEnd() bool { return w.End.Task().Await(&w.w, w.End.Gen()) }

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
	if w.d == nil {
		err = f.block()
	} else {
		err = f.park()
	}
	returned = true
	return nil, err
}

// park parks under a context that is not the task's own: its end wakes
// the task as one of the parties that may claim. The task's own cancellation ends the park too, so
// that the task need not wait for the goroutine of the watch; but it ends the wait only if the context has ended
// as well, which it has not if there is a [context.WithoutCancel] between the two. Then, and if the cancellation is still on
// its way to the context, the claim of the event or of the watch is yet to come, and is waited for.
func (f *foreignWait) park() error {
	w, q := f.w, f.q
	d, ctx := w.d, w.ctx
	if ctx.Done() == nil {
		w.awaitEvent()
		return nil
	}
	f.stop = Watch(ctx, func() {
		if q.Withdraw() {
			w.ended = true
			w.Wake(nil)
		}
	})
	w.park(rt.ForWake)
	if !d.Woken() {
		if ctx.Err() != nil && q.Withdraw() {
			f.phase = withdrawn
			err := CauseOf(ctx)
			w.quit(f.stop)
			return err
		}
		d.AwaitWakeFor(w.Reason)
	}
	f.phase = woken
	ended := w.ended
	w.quit(f.stop)
	if ended {
		return CauseOf(ctx)
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
				return CauseOf(w.ctx)
			}
			w.receive()
		}
	}
	f.phase = woken
	if w.home != nil {
		w.home.ReadyGoroutines.Add(-1)
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
// wait; Reusable tells the owner of a pool of waiters.
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

// A Withdrawer is where a waiter waits when that place, and not [Waiter.Claim], decides
// which party gets it: a queue under a lock, say, from which it can be taken only once.
type Withdrawer interface {
	// Withdraw takes the waiter back and reports true; or reports false if it has been
	// taken by a waker, which has called Wake or is about to. It may be called by any
	// goroutine, and also after the wait is over, and then reports false.
	Withdraw() bool
}

// WaitIn is [Waiter.Wait] with the claim left to q: the waker that takes the waiter out of q has to
// call Wake, once. It returns nil when woken so. When the context ends first, it withdraws
// the waiter, and if that succeeds returns the cause. A context that panics is dealt with as in Wait.
func (w *Waiter) WaitIn(q Withdrawer) error {
	_, err := w.WaitRecovering(q)
	return err
}

// park parks the task until an event of the kind k. If w waits for the end of a task that has not begun, that runs next.
func (w *Waiter) park(k rt.Park) {
	d := w.d
	if w.End.Task() != nil {
		d.Host().ParkFor(d, w.Reason.Park(k), w.End.Task(), w.End.Gen())
		return
	}
	d.Host().Park(d, w.Reason.Park(k))
}

// awaitEvent parks the task until w is woken, whatever else happens.
func (w *Waiter) awaitEvent() {
	d := w.d
	if w.End.Task() != nil {
		w.park(rt.ForWakeOnly)
		if d.Woken() {
			return
		}
	}
	d.AwaitWakeFor(w.Reason)
}

// WaitRecovering is WaitIn for a q whose Withdraw always reports false. broken is a panic of the context that was dropped.
func (w *Waiter) WaitRecovering(q Withdrawer) (broken any, err error) {
	if !w.own {
		if w.d != nil && w.ctx == background {
			w.awaitEvent()
			return nil, nil
		}
		return w.waitForeign(q)
	}
	d := w.d
	if w.End.Task() != nil {
		w.park(rt.ForWake)
	} else {
		d.Worker().Host.Park(d, w.Reason.Park(rt.ForWake)) // here, because each frame between here and the switch costs
	}
	if d.Woken() {
		return nil, nil
	}
	if q.Withdraw() {
		return nil, d.CtxCause()
	}
	d.AwaitWakeFor(w.Reason)
	return nil, nil
}

// WaitWoken is [Waiter.WaitIn] that the end of the context does not end.
func (w *Waiter) WaitWoken() {
	if w.d != nil {
		w.d.AwaitWakeFor(w.Reason)
		return
	}
	w.receive()
	if w.home != nil {
		w.home.ReadyGoroutines.Add(-1)
	}
}

// receive blocks the goroutine that waits until the wake-up comes.
func (w *Waiter) receive() {
	atomicx.Await("wake-up", func() bool { return len(w.w.C) > 0 })
	<-w.w.C
}
