package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/wait"
)

// A Waiter is one wait for one event, by a task or by an ordinary goroutine. Operations that wait are built from it: the waiting
// side makes a Waiter known to those that may bring the event about, and calls Wait; one of them claims it and wakes it. Wait parks
// the task that has called Init, or blocks the goroutine; the context says how long.
//
//	waiting side                       waking side
//	w.Init(ctx)
//	make w known, under a lock         under the lock: find w, w.Claim();
//	err := w.Wait()                    if that is true: the event is w's;
//	if err != nil: take w back         then, without the lock, w.Wake(by)
//
// Exactly one claim succeeds, or none if Wait gives up first. So when Wait returns an error, w has not been given the event and
// never will be.
//
// A Waiter may be used again, by the same or another side, once Wait has returned and no other side knows it any more. The
// zero Waiter must be initialised by Init. A Waiter must not be copied.
type Waiter struct{ w wait.Waiter }

// Init prepares w for a wait under ctx by the caller, which has to call Wait. It does not wait. It panics if ctx is nil.
func (w *Waiter) Init(ctx context.Context) { w.w.Init(ctx) }

// Claim gives the event to w. If it returns true, the caller must call Wake. It returns false if w was claimed already or has given
// up. It does not wait, and any goroutine or task may call it.
func (w *Waiter) Claim() bool { return w.w.Claim() }

// Wake wakes w, which the caller has claimed. It does not wait. If the caller is a task, and w is the wait of a task of the same
// scheduler, that task runs next on the caller's worker. by is the caller's Ctx, which spares Wake to look up the caller, or nil.
func (w *Waiter) Wake(by *Ctx) { w.w.Wake(by.record()) }

// Wait parks the task, or blocks the goroutine, until w is woken, and returns nil; or until its context ends, and returns the cause.
// If the context has ended but a claim came first, Wait returns nil. If a method of the context panics, so does Wait, and gives
// up; unless a claim came first: then it returns nil, and the panic is dropped, because it no longer matters when the context ends.
func (w *Waiter) Wait() error { return w.w.Wait() }
