package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Locker is sync.Locker, so that a program which names it ports from sync too.
type Locker = sync.Locker

// Cond is a place where tasks and goroutines wait for a condition that others announce, with the methods of a sync.Cond. Make
// one with [NewCond]. It must not be copied.
type Cond struct {
	_ noCopy

	// L is held while the condition is looked at or changed. With a lock that does not park, such as a sync.Mutex, a task
	// that is woken blocks the thread of its worker until it has L again.
	L sync.Locker

	mu    atomicx.Mutex
	queue queue[struct{}]
}

// NewCond makes a Cond with the lock l.
func NewCond(l sync.Locker) *Cond { return &Cond{L: l} }

// Wait unlocks L, waits, parking the task or blocking the goroutine, until Signal or Broadcast wakes it, and locks
// L again. The caller holds L. Nothing else ends the wait: see [Cond.WaitContext]. If L is not locked, Wait panics as L.Unlock
// does, and waits for nothing; one that does not panic but ends the process, as a sync.Mutex does, ends it.
//
// The condition need not hold when Wait returns: look at it in a loop.
//
//	for !condition() {
//		cond.Wait()
//	}
func (c *Cond) Wait() {
	ctx, d := callerUncancelled()
	_ = c.wait(ctx, d, true)
}

// WaitContext is [Cond.Wait], which gives up when ctx ends first, and returns the cause; then no Signal was used up. L is held
// when it returns, also with an error. For that it may have to wait beyond the end of ctx.
func (c *Cond) WaitContext(ctx context.Context) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	return c.wait(ctx, d, false)
}

// wait waits, which the end of ctx does not end if hard.
func (c *Cond) wait(ctx context.Context, d *rt.Task, hard bool) error {
	if c.L == nil {
		panic("tsync: Wait of a Cond without a lock: make one with NewCond")
	}
	w := plainWaiters.take(ctx, d, c)
	w.Reason = rt.WaitCond
	c.mu.Lock()
	c.queue.push(w)
	c.mu.Unlock()
	c.unlock(w)
	return c.await(w, hard)
}

// unlock unlocks L, after w was queued: a Signal that comes as soon as L is free must find it. If L is not locked, Unlock
// panics, and w must not stay behind: the next Signal would end whatever its task waits for by then.
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

// retract ends the wait of w, which has not begun. If a Signal has come already, it goes to the next waiter.
func (c *Cond) retract(w *waiter[struct{}]) {
	if !c.withdraw(w) {
		w.WaitWoken()
		c.Signal()
	}
	plainWaiters.put(w)
}

// await waits for w and locks L again, even if the context panics.
func (c *Cond) await(w *waiter[struct{}], hard bool) error {
	defer c.L.Lock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

// Signal wakes the waiter that has been waiting longest, if there is one. The caller may hold L, but need not.
func (c *Cond) Signal() {
	c.mu.Lock()
	var w *waiter[struct{}]
	if c.queue.first != nil {
		w = c.queue.pop()
	}
	c.mu.Unlock()
	if w != nil {
		w.wake(nil)
	}
}

// Broadcast wakes all that wait. The caller may hold L, but need not.
func (c *Cond) Broadcast() {
	c.mu.Lock()
	list := c.queue.takeAll()
	c.mu.Unlock()
	wakeList(list, nil)
}

var _ owner[struct{}] = (*Cond)(nil)

// withdraw implements owner.
func (c *Cond) withdraw(w *waiter[struct{}]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return w.leave()
}
