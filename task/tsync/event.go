package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Event is a flag that is set or not set, and that tasks and goroutines can wait for. The zero
// Event is not set. An Event must not be copied.
type Event struct {
	_ noCopy
	// set is written under mu.
	set   atomicx.Bool
	mu    atomicx.Mutex
	queue queue[struct{}]
}

// Set sets the event and wakes all waiting tasks and goroutines. What comes before Set happens
// before what comes after each Wait that Set ends. If the event is already set, Set does nothing.
func (e *Event) Set() {
	point()
	e.mu.Lock()
	e.set.Store(true)
	ws := e.queue.TakeAll()
	e.mu.Unlock()
	wakeAll(ws, nil)
}

// Reset makes the event not set. Waits that an earlier Set has ended stay ended.
func (e *Event) Reset() {
	point()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.set.Store(false)
}

// IsSet reports whether the event is set.
func (e *Event) IsSet() bool { return e.set.Load() }

// Wait waits until the event is set, parking the calling task or blocking the calling goroutine.
// Cancelling the task does not end the wait; use [Event.WaitContext] if it should.
func (e *Event) Wait() { e.waitHard(rt.WaitEvent) }

func (e *Event) waitHard(reason rt.WaitReason) {
	point()
	if !e.set.Load() {
		ctx, d := callerUncancelled()
		_ = e.wait(ctx, d, reason, true)
	}
}

// WaitContext is like [Event.Wait], but gives up if ctx ends first, and returns the context's
// cause.
func (e *Event) WaitContext(ctx context.Context) error {
	d, err := enter(ctx)
	if err != nil || e.set.Load() {
		return err
	}
	return e.wait(ctx, d, rt.WaitEvent, false)
}

// wait does the work of Wait and WaitContext. If hard is set, the end of ctx does not end the wait.
func (e *Event) wait(ctx context.Context, d *rt.Task, reason rt.WaitReason, hard bool) error {
	e.mu.Lock()
	if e.set.Load() {
		e.mu.Unlock()
		return nil
	}
	w := plainWaiters.take(ctx, d, e)
	w.Reason = reason
	e.queue.Push(w)
	e.mu.Unlock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

var _ owner[struct{}] = (*Event)(nil)

// withdraw implements owner.
func (e *Event) withdraw(w *waiter[struct{}]) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return w.Leave()
}
