package wait

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Waiter is one wait for one event, by a task or by an ordinary goroutine. The waiting side makes
// the Waiter known to the parties that may bring about the event, and waits. The party that brings
// about the event claims the Waiter and wakes it. There are two ways to claim:
//
//   - With Init, Claim and Wait, as task.Waiter documents them, a CAS in the Waiter decides.
//   - With Prepare and WaitIn, a [Withdrawer] decides, for example a queue under a lock. The party
//     that takes the waiter out of the queue has claimed it. If both sides hold that lock anyway,
//     this saves three atomic operations in each wait.
//
// Exactly one claim succeeds, or none if the wait gives up first. So if a wait returns an error, no
// party has given its waiter the event, and none will. The party that has claimed a waiter has to
// call Wake, once.
//
// After the wait has returned, the same waiting side or another one may use the Waiter again if no
// other party knows it any more: see Reusable. Init or Prepare must initialise a zero Waiter.
type Waiter struct {
	// The waiting side may set these between Prepare or Init and the wait.
	Reason rt.WaitReason // what the wait is for, for people to read

	own        bool // ctx is the Ctx of the waiting task
	ctxClaimed bool // the end of ctx has claimed the waiter

	// End, which may be set as Reason is, is the task whose end is the event, or the zero Handle.
	// If that task has not begun, the wait runs it next; see rt.Host.ParkFor.
	End rt.Handle

	w   rt.Waiter // w.Task is the waiting task, or nil for a goroutine
	ctx context.Context
	// shared is set by Wake: the Shared whose ReadyGoroutines the waiting goroutine has to lower.
	shared *rt.Shared
}

// Init prepares w for a wait by the caller under ctx. The caller has to call Wait afterwards. Init
// panics if ctx is nil.
func (w *Waiter) Init(ctx context.Context) {
	w.w.Reset()
	w.w.Forget()
	w.PrepareUnheld(ctx, Caller(ctx))
	if w.w.Task != nil {
		w.w.Hold() // the caller may wait for something else before Wait
	}
}

// Prepare is Init for a wait by d, which must be the caller, or by the calling goroutine if d is
// nil; d is the result of [Enter]. The caller has to call WaitIn, WaitWoken or Wait afterwards. For
// Wait, w must be new.
func (w *Waiter) Prepare(ctx context.Context, d *rt.Task) {
	w.PrepareUnheld(ctx, d)
	if w.Foreign() {
		w.HoldForeign()
	}
}

// PrepareUnheld is the part of Prepare that is compiled into its callers. If Foreign then returns
// true, the caller has to call HoldForeign.
func (w *Waiter) PrepareUnheld(ctx context.Context, d *rt.Task) {
	w.ctx, w.shared, w.ctxClaimed = ctx, nil, false
	w.w.Task = d
	if d != nil {
		w.own = rt.OfCtx(ctx) == d.Life()
		return
	}
	w.own = false
	if w.w.C == nil {
		w.w.C = make(chan struct{}, 1)
	}
}

// Foreign reports whether the wait may call methods of a context that is not the task's own Ctx.
func (w *Waiter) Foreign() bool { return !w.own && !rt.IsBackground(&w.ctx) }

// HoldForeign holds the waiter of a task until Let, in park.
func (w *Waiter) HoldForeign() {
	if w.w.Task != nil {
		w.w.Hold()
	}
}

// Hold keeps wake-ups from the waiting task until the wait, so that the task may wait for something
// else until then: see rt.Waiter.Hold. Call Hold after Prepare, before others know w. The wait is
// then as one under a context that is not the task's own Ctx. For a goroutine Hold does nothing.
func (w *Waiter) Hold() {
	w.own = false
	w.HoldForeign()
}

// Forget ends what Hold has begun, after a wait that did not happen.
func (w *Waiter) Forget() { w.w.Forget() }

// Task returns the task that waits, or nil for a goroutine.
func (w *Waiter) Task() *rt.Task { return w.w.Waiting() }

// UnheldTask is Task for a waiter that has not been held, or whose wait is over.
func (w *Waiter) UnheldTask() *rt.Task { return w.w.Task }

// Own reports whether a task waits under its own Ctx.
func (w *Waiter) Own() bool { return w.own }

// Claim gives the event to w. If it returns true, the caller must call Wake. It returns false if w
// was claimed before or has given up. Any task or goroutine may call it.
func (w *Waiter) Claim() bool { return w.w.Claim() }

// Wake wakes w, which the caller has claimed. by is the calling task if the caller knows it, which
// saves a look-up, or nil. If w belongs to a task of the caller's own scheduler, that task runs
// next on the caller's worker.
func (w *Waiter) Wake(by *rt.Task) {
	if by != nil && !by.IsCurrent() {
		by = nil
	}
	w.WakeFrom(by)
}

// WakeFrom is Wake for a by that is certainly the calling task, or nil: one from [Enter].
func (w *Waiter) WakeFrom(by *rt.Task) {
	d := w.w.Task
	if d == nil {
		if w.w.Held == nil {
			w.wakeGoroutine(by)
			return
		}
		if d = w.w.Held; !w.w.Told() {
			return
		}
	}
	if !d.WakeWaiting() && !d.Wake() {
		return
	}
	if by != nil {
		if on := by.Worker(); on.Shared == d.Shared() {
			on.Host.Local(d)
			return
		}
	}
	d.Shared().Sched.Inject(d)
}

// wakeGoroutine is WakeFrom if a goroutine waits.
func (w *Waiter) wakeGoroutine(by *rt.Task) {
	// A goroutine that a worker makes ready needs a P; see rt.Shared.ReadyGoroutines.
	if by != nil {
		w.shared = by.Shared()
	} else if me := rt.Current(); me != nil {
		w.shared = me.Shared()
	}
	if w.w.C == nil {
		panic("task: Waiter.Wake of a Waiter without an Init: wake what Claim has returned true for")
	}
	if w.shared != nil {
		w.shared.ReadyGoroutines.Add(1)
	}
	w.w.C <- struct{}{}
}

// WakeCounted is [Waiter.Wake] for a worker of shared's scheduler that runs no task. If w belongs
// to a goroutine, WakeCounted counts it in shared.ReadyGoroutines.
func (w *Waiter) WakeCounted(shared *rt.Shared) {
	if w.Task() == nil {
		w.shared = shared // Wake raises its count
	}
	w.Wake(nil)
}

// Wait parks the task, or blocks the goroutine, until w is woken, and then returns nil. If the
// context ends first, Wait gives up and returns the cause. If the context has ended but a claim
// came first, Wait returns nil.
//
// If a method of the context panics, Wait gives up and lets the panic through. If a claim came
// first, Wait drops the panic and returns nil, because the end of the context no longer matters.
func (w *Waiter) Wait() error {
	if !w.own {
		if w.ctx == nil {
			panic("task: Waiter.Wait without an Init: call Init before each wait, and then make the Waiter known")
		}
		_, err := w.waitForeign(claims{w})
		return err
	}
	err := w.waitOwn()
	w.w.Forget()
	return err
}

// waitOwn is Wait under the task's own Ctx.
func (w *Waiter) waitOwn() error {
	if !w.w.Unhold() {
		return nil
	}
	d := w.Task()
	d.Host().Park(d, w.Reason.Park(rt.ForWake))
	if d.Woken() {
		return nil
	}
	if w.w.Abandon() { // cancelled before a claim
		return d.CtxCause()
	}
	d.AwaitWakeFor(w.Reason) // the claim has been made, so its Wake will come
	return nil
}

// AwaitEnd registers w, which must be new and prepared for Wait, with the task w.End. If that task
// has ended already, AwaitEnd returns false, and the caller must not call Wait. Otherwise the party
// that ends that task claims and wakes w.
func (w *Waiter) AwaitEnd() bool { return w.End.Task().Await(&w.w, w.End.Gen()) }

// claims is the Withdrawer of a wait whose events use [Waiter.Claim].
type claims struct{ w *Waiter }

// Withdraw implements Withdrawer.
func (q claims) Withdraw() bool { return q.w.w.Abandon() }

// A foreignWait is a wait under a context that is not the task's own Ctx. The methods of that
// context may be the user's code. If such a method panics or calls runtime.Goexit while the waiter
// is in q, the event must not be lost. What the deferred call of waitForeign does depends on the
// phase of the wait:
//
//	waiting    Foreign-F1  Withdraw the waiter. If that succeeds, the phase is withdrawn.
//	           Foreign-F2  Otherwise another party has claimed it. If the waiter is not held,
//	                       wait uncancellably for its Wake, because that Wake would otherwise
//	                       end the task's next wait. The phase is now woken.
//	withdrawn              Let the panic through: nothing has changed, and no other party
//	                       knows the waiter.
//	woken                  If the end of the context has claimed the waiter, do as if it were
//	                       withdrawn. Otherwise the event has happened and belongs to this
//	                       wait, and the end of the context no longer matters.
//	           Foreign-F3  So drop the panic.
//
// The function given to Watch may still hold the waiter, so the waiter is never used again.
//
// Such a method may also wait for something else. rt.Waiter.Hold keeps the two waits of a task
// apart: the waiter is held except from Let to HoldAgain, and there park calls no method of the
// context. A goroutine needs no Hold, because each of its waiters has its own channel.
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

// waitForeign waits as foreignWait describes. If it drops a panic, it returns its value in broken.
func (w *Waiter) waitForeign(q Withdrawer) (broken any, err error) {
	f := foreignWait{w: w, q: q}
	returned := false
	defer func() {
		if returned {
			return
		}
		w.spent()
		if f.phase == waiting {
			if f.phase = withdrawn; !q.Withdraw() { // (Foreign-F1)
				w.WaitWoken() // (Foreign-F2)
				f.phase = woken
			}
		}
		f.forget()
		if f.phase == woken && !w.ctxClaimed {
			broken, err = recover(), nil // (Foreign-F3)
		}
	}()
	if w.Task() == nil {
		err = f.block()
	} else {
		err = f.park()
		w.w.Forget()
	}
	returned = true
	return nil, err
}

// park parks the task under a context that is not its own Ctx. The goroutine that ends that context
// is one of the parties that may claim the waiter and wake the task.
//
// The task's own cancellation ends the park too, so that the task need not wait for the goroutine
// of the watch. But it ends the wait only if the context has ended as well. The context may still
// be live, because a [context.WithoutCancel] stands between the two or because the cancellation has
// not reached it yet. Then the task parks again, until the event or the watch claims the waiter.
func (f *foreignWait) park() error {
	w, q := f.w, f.q
	d, ctx := w.Task(), w.ctx
	if ctx.Done() == nil {
		w.awaitEvent()
		return nil
	}
	f.stop = Watch(ctx, func(*rt.Late) {
		if q.Withdraw() {
			w.ctxClaimed = true
			w.Wake(nil)
		}
	})
	if w.w.Let() {
		w.park(rt.ForWake)
		if !d.Woken() {
			if w.w.HoldAgain() && ctx.Err() != nil && q.Withdraw() {
				f.phase = withdrawn
				err := CauseOf(ctx)
				w.quit(f.stop)
				return err
			}
			w.WaitWoken()
		}
	}
	f.phase = woken
	ended := w.ctxClaimed
	w.quit(f.stop)
	if ended {
		return CauseOf(ctx)
	}
	return nil
}

// block blocks the waiting goroutine.
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
	if w.shared != nil {
		w.shared.ReadyGoroutines.Add(-1)
	}
	return nil
}

// forget ends the watch after a panic. If stop panics too, forget drops that panic in favour of the
// first.
func (f *foreignWait) forget() {
	if f.stop == nil {
		return
	}
	defer func() { _ = recover() }()
	f.stop()
}

// quit ends the watch over the context. If stop comes too late, the function of the watch may still
// use w, so no later wait may use w, and Reusable returns false. This wait is not harmed, because
// the function touches only fields that Init sets, and the claim is spent.
func (w *Waiter) quit(stop func() bool) {
	if !stop() && !w.ctxClaimed {
		w.spent()
	}
}

func (w *Waiter) spent() { w.ctx = nil }

// Reusable reports whether w may be used for another wait after Wait has returned. It returns false
// in the rare case that the context ended while the event came. It also returns false for the
// waiter of a goroutine, because the channel of a Waiter must not move from one synctest bubble to
// another.
func (w *Waiter) Reusable() bool { return w.ctx != nil && w.w.C == nil }

// A Withdrawer is a place that holds waiters and decides, in place of [Waiter.Claim], which party
// gets a waiter. An example is a queue under a lock, because a waiter can be taken out of it only
// once.
type Withdrawer interface {
	// Withdraw takes the waiter back and returns true. It returns false if a waker has taken the
	// waiter; that waker has called Wake or is about to. Any goroutine may call Withdraw. It
	// returns false after the wait is over.
	Withdraw() bool
}

// WaitIn is [Waiter.Wait] for a waiter in q. The waker that takes the waiter out of q has to call
// Wake, once, and WaitIn then returns nil. If the context ends first, WaitIn withdraws the waiter,
// and if that succeeds it returns the cause. It treats a context that panics as Wait does.
func (w *Waiter) WaitIn(q Withdrawer) error {
	_, err := w.WaitRecovering(q)
	return err
}

// park parks the task until an event of kind k. If w waits for the end of a task that has not
// begun, that task runs next.
func (w *Waiter) park(k rt.Park) {
	d := w.Task()
	if w.End.Task() != nil {
		d.Host().ParkFor(d, w.Reason.Park(k), w.End.Task(), w.End.Gen())
		return
	}
	d.Host().Park(d, w.Reason.Park(k))
}

// awaitEvent parks the task until w is woken. Nothing else ends the park.
func (w *Waiter) awaitEvent() {
	if !w.w.Unhold() {
		return
	}
	d := w.Task()
	if w.End.Task() != nil {
		w.park(rt.ForWakeOnly)
		if d.Woken() {
			return
		}
	}
	d.AwaitWakeFor(w.Reason)
}

// WaitRecovering is WaitIn. If it drops a panic of the context, it also returns the value of the
// panic in broken.
func (w *Waiter) WaitRecovering(q Withdrawer) (broken any, err error) {
	if !w.own {
		if w.w.Task != nil && rt.IsBackground(&w.ctx) {
			w.awaitEvent()
			return nil, nil
		}
		return w.waitForeign(q)
	}
	d := w.w.Task
	if w.End.Task() != nil {
		w.park(rt.ForWake)
	} else {
		// The park is written out here because each frame between here and the switch costs time.
		d.Worker().Host.Park(d, w.Reason.Park(rt.ForWake))
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

// WaitWoken is [Waiter.WaitIn] for a wait that only its event ends, even if the context ends.
func (w *Waiter) WaitWoken() {
	if d := w.w.Task; d != nil {
		d.AwaitWakeFor(w.Reason)
		return
	}
	if d := w.w.Held; d != nil {
		if w.w.Unhold() {
			d.AwaitWakeFor(w.Reason)
		}
		w.w.Forget()
		return
	}
	w.receive()
	if w.shared != nil {
		w.shared.ReadyGoroutines.Add(-1)
	}
}

// receive blocks the waiting goroutine until the wake-up comes.
func (w *Waiter) receive() {
	atomicx.Await("wake-up", func() bool { return len(w.w.C) > 0 })
	<-w.w.C
}
