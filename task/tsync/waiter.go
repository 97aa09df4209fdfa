package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// A waiter is one wait, by a task or a goroutine, in the queue of a channel or a lock. The party
// that takes the waiter out of the queue, under the owner's lock, has claimed it. A waker that has
// claimed the waiter fills in v and ok, unlocks, and calls wake. If the waiting side itself has
// claimed the waiter, it gives up the wait. So the owner's lock, which both sides need anyway,
// decides between them.
type waiter[T any] struct {
	list.Links[waiter[T]] // under the lock of at
	wait.Waiter
	at owner[T] // the channel or lock that w waits for

	// Set before the waiter is queued, or by the waker before it calls wake.
	v  T
	ok bool

	// Only channels use these.
	index uint16     // index of the case, or the direction of a kept waiter
	sel   *selection // the select that w is a case of, or nil
	of    *rt.Task   // the task for which the channel keeps w, or nil; see Chan.waiter
}

// An owner has queues of waiters and the lock that guards them.
type owner[T any] interface {
	// withdraw takes w out of its queue. It reports false if w is in none, because a waker has
	// claimed it.
	withdraw(w *waiter[T]) bool
}

// Withdraw implements wait.Withdrawer.
func (w *waiter[T]) Withdraw() bool { return w.at.withdraw(w) }

// wake wakes the waiter, which the caller has taken out of its queue. The caller holds no lock of
// an owner. by is the running task, from [wait.Enter], or nil if the caller does not know it.
func (w *waiter[T]) wake(by *rt.Task) {
	if w.sel != nil {
		w.sel.WakeFrom(by)
		return
	}
	w.WakeFrom(by)
}

// A queue is a first-in-first-out list of waiters. Its owner's lock guards it.
type queue[T any] struct{ list.List[waiter[T]] }

// wakeAll wakes the waiters of a chain, in order. The caller holds no lock. by is the running task,
// or nil.
func wakeAll[T any](ws list.Chain[waiter[T]], by *rt.Task) {
	for {
		w := ws.Take()
		if w == nil {
			return
		}
		w.wake(by) // after this w may be in use for another wait
	}
}

// A pool holds free waiters.
type pool[T any] struct{ waiters wait.Pool[waiter[T]] }

// take returns a waiter for a wait at o by d, or by a goroutine if d is nil, under ctx.
func (p *pool[T]) take(ctx context.Context, d *rt.Task, o owner[T]) *waiter[T] {
	w := p.waiters.Get(d)
	w.PrepareUnheld(ctx, d)
	if w.Foreign() {
		w.HoldForeign()
	}
	w.at = o
	return w
}

// enter calls wait.Enter: it returns the calling task, or nil for a goroutine, or an error if ctx
// has ended.
func enter(ctx context.Context) (*rt.Task, error) {
	of, _ := ctx.(*task.Ctx)
	return wait.Enter(ctx, (*rt.Life)(of))
}

// callerUncancelled returns the arguments of take for a hard wait by the caller: a context that
// never ends, and the calling task, or nil for a goroutine.
func callerUncancelled() (context.Context, *rt.Task) {
	return context.Background(), rt.Current()
}

// point is a yield point for an operation that has no other. It acts only in a program that imports
// package schedtest: see rt.Slow. The caller holds no lock.
func point() {
	if rt.Slow != 0 {
		rt.Choice()
	}
}

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// put puts back a waiter that take has returned. The caller is the task or goroutine for which it
// was taken, and must not use w any more.
func (p *pool[T]) put(w *waiter[T]) {
	if !w.Reusable() {
		return
	}
	w.reset()
	w.at = nil
	if d := w.UnheldTask(); !p.waiters.Keep(d, w) {
		p.waiters.Share(d, w)
	}
}

// wait waits until a waker wakes w or its context ends, and returns what the waker has filled in.
// The caller must not use w any more.
func (p *pool[T]) wait(w *waiter[T]) (v T, ok bool, err error) { return p.await(w, false) }

// await is like wait, but if hard is set, the end of the context does not end the wait.
func (p *pool[T]) await(w *waiter[T], hard bool) (v T, ok bool, err error) {
	switch {
	case hard:
		if rt.Watched() { // otherwise no scheduler shows what a wait is at
			if d := w.Task(); d != nil && d.Looked() {
				w.noteWait(d)
			}
		}
		w.WaitWoken()
	case w.Own():
		// This repeats wait.Waiter.WaitIn, because each frame between here and the switch costs
		// time.
		d := w.UnheldTask()
		on := d.Worker()
		if on.Looks != 0 {
			w.noteWait(d)
		}
		on.Host.Park(d, w.Reason.Park(rt.ForWake))
		if !d.Woken() && w.cancelled() {
			err = d.CtxCause()
		}
	default:
		if d := w.Task(); d != nil && d.Looked() {
			w.noteWait(d)
		}
		err = w.WaitIn(w)
	}
	v, ok = w.v, w.ok
	p.put(w)
	return v, ok, err
}

// cancelled is for a task that waits under its own Ctx, if its park ended without a Wake. It
// withdraws w and reports true. If a waker has already claimed w, it waits for the Wake instead and
// reports false.
func (w *waiter[T]) cancelled() bool {
	if w.Withdraw() {
		return true
	}
	w.UnheldTask().AwaitWakeFor(w.Reason)
	return false
}

func (w *waiter[T]) reset() {
	var zero T
	w.v, w.ok = zero, false
}
