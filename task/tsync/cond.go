package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Cond is a condition variable, with the methods of sync.Cond: tasks and goroutines wait until
// another one announces that the condition may have changed. Make one with [NewCond]. A Cond must
// not be copied.
type Cond struct {
	_ noCopy

	// L must be held to look at the condition or to change it. If L is a lock that does not park,
	// such as a sync.Mutex, a woken task blocks its worker's thread until it has L again.
	L sync.Locker

	mu    atomicx.Mutex
	queue queue[struct{}]
}

// NewCond makes a Cond with the lock l.
func NewCond(l sync.Locker) *Cond { return &Cond{L: l} }

// Wait unlocks L, waits until Signal or Broadcast wakes it, parking the calling task or blocking
// the calling goroutine, and locks L again. The caller must hold L. Cancelling the task does not
// end the wait; use [Cond.WaitContext] if it should. If L is not locked, Wait does not wait and
// panics as L.Unlock does. (A sync.Mutex does not panic then, but ends the process.)
//
// The condition need not hold when Wait returns, so check it in a loop:
//
//	for !condition() {
//		cond.Wait()
//	}
func (c *Cond) Wait() {
	point()
	ctx, d := callerUncancelled()
	_ = c.wait(ctx, d, true)
}

// WaitContext is like [Cond.Wait], but gives up if ctx ends first. Then it returns the context's
// cause, and it has used up no Signal. WaitContext always holds L when it returns, with an error
// too, and may have to wait for L beyond the end of ctx.
func (c *Cond) WaitContext(ctx context.Context) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	return c.wait(ctx, d, false)
}

// wait does the work of Wait and WaitContext. If hard is set, the end of ctx does not end the wait.
func (c *Cond) wait(ctx context.Context, d *rt.Task, hard bool) error {
	if c.L == nil {
		panic("tsync: Wait of a Cond without a lock: make one with NewCond")
	}
	w := plainWaiters.take(ctx, d, c)
	w.Reason = rt.WaitCond
	switch c.L.(type) {
	case *Mutex, *RWMutex, *sync.Mutex, *sync.RWMutex:
	default:
		w.Hold() // Unlock of a user's lock may wait, and w is queued by then
	}
	c.mu.Lock()
	c.queue.Push(w)
	c.mu.Unlock()
	c.unlock(w)
	return c.await(w, hard)
}

// unlock unlocks L. w is already queued, because a Signal that comes as soon as L is free must find
// it. If L is not locked, Unlock panics, and unlock takes w out of the queue again. If w stayed in
// the queue, the next Signal would wake the task of w out of some later wait.
func (c *Cond) unlock(w *waiter[struct{}]) {
	unlocked := false
	defer func() {
		if !unlocked {
			c.retract(w)
		}
	}()
	c.L.Unlock()
	unlocked = true
}

// retract takes back w, whose wait has not begun. If a Signal has already claimed w, retract passes
// the Signal on to the next waiter.
func (c *Cond) retract(w *waiter[struct{}]) {
	if !c.withdraw(w) {
		w.WaitWoken()
		c.Signal()
	}
	w.Forget()
	plainWaiters.put(w)
}

// await waits for w and then locks L again, even if a method of the context panics.
func (c *Cond) await(w *waiter[struct{}], hard bool) error {
	defer c.L.Lock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

// Signal wakes the longest-waiting task or goroutine, if any waits. The caller may hold L, but need
// not.
func (c *Cond) Signal() {
	point()
	c.mu.Lock()
	w := c.queue.Pop()
	c.mu.Unlock()
	if w != nil {
		w.wake(nil)
	}
}

// Broadcast wakes all waiting tasks and goroutines. The caller may hold L, but need not.
func (c *Cond) Broadcast() {
	point()
	c.mu.Lock()
	ws := c.queue.TakeAll()
	c.mu.Unlock()
	wakeAll(ws, nil)
}

var _ owner[struct{}] = (*Cond)(nil)

// withdraw implements owner.
func (c *Cond) withdraw(w *waiter[struct{}]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return w.Leave()
}
