package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/wait"
)

// A Waiter is one wait for one event, by a task or by an ordinary goroutine. Use it to build
// operations that wait. The waiting side publishes a Waiter where the waking side can find it, and
// calls Wait. A waker claims the Waiter and wakes it. Wait parks the task that called Init, or
// blocks the goroutine. When the context ends, so does the wait.
//
//	waiting side                       waking side
//	w.Init(ctx)
//	publish w, under a lock            under the lock: find w, call w.Claim()
//	err := w.Wait()                    if Claim returned true, the event is w's:
//	if err != nil: take w back             without the lock, call w.Wake(by)
//
// At most one claim succeeds: exactly one if Wait returns nil, and none if Wait gives up first. So
// if Wait returns an error, w has not been given the event and never will be.
//
// A Waiter may be used again, by the same side or another, once Wait has returned and no other side
// refers to it any more. The zero Waiter must be initialised by Init. A Waiter must not be copied.
type Waiter struct{ w wait.Waiter }

// Init prepares w for a wait by the caller under ctx. The same caller must then call Wait. Init
// does not wait. It panics if ctx is nil.
func (w *Waiter) Init(ctx context.Context) { w.w.Init(ctx) }

// Claim gives the event to w. If it returns true, the caller must call Wake. It returns false if w
// was claimed before or has given up. Claim does not wait. Any goroutine or task may call it.
func (w *Waiter) Claim() bool { return w.w.Claim() }

// Wake wakes w. The caller must have claimed w. Wake does not wait. If the caller is a task and w
// is the wait of a task of the same scheduler, the woken task runs next on the caller's worker. by
// is the caller's Ctx, or nil. With by, Wake need not look up the caller.
func (w *Waiter) Wake(by *Ctx) { w.w.Wake(by.record()) }

// Wait parks the task or blocks the goroutine. It returns nil when w is woken, or the cause when
// the context ends first. If a claim came before the end of the context, Wait returns nil.
//
// If a method of the context panics, Wait gives up and panics too. But if a claim came first, Wait
// returns nil and drops the panic, because it no longer matters when the context ends.
func (w *Waiter) Wait() error { return w.w.Wait() }
