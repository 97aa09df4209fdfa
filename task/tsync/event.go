package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Event is a condition that is set or not, and that tasks and goroutines can wait for. The zero
// Event is not set. It must not be copied.
type Event struct {
	// set is written under mu.
	set   atomicx.Bool
	mu    atomicx.Mutex
	queue queue[struct{}]
}

// Set sets the event and wakes all that wait. What comes before Set happens before what comes after a Wait that it
// lets go. Setting an event that is set does nothing.
func (e *Event) Set() {
	e.mu.Lock()
	e.set.Store(true)
	list := e.queue.takeAll()
	e.mu.Unlock()
	wakeList(list, nil)
}

// Reset makes the event not set. Whoever was woken by an earlier Set stays so.
func (e *Event) Reset() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.set.Store(false)
}

// IsSet reports whether the event is set.
func (e *Event) IsSet() bool { return e.set.Load() }

// Wait waits, parking the task or blocking the goroutine, until the event is set. When ctx ends first it returns
// the cause.
func (e *Event) Wait(ctx context.Context) error { return e.wait(ctx, rt.WaitEvent) }

func (e *Event) wait(ctx context.Context, why rt.Why) error {
	c, err := task.Enter(ctx)
	if err != nil || e.set.Load() {
		return err
	}
	e.mu.Lock()
	if e.set.Load() {
		e.mu.Unlock()
		return nil
	}
	w := plainWaiters.take(ctx, c, e)
	w.Why = why
	e.queue.push(w)
	e.mu.Unlock()
	_, _, err = plainWaiters.wait(w)
	return err
}

var _ owner[struct{}] = (*Event)(nil)

// withdraw implements owner.
func (e *Event) withdraw(w *waiter[struct{}]) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return w.leave()
}
