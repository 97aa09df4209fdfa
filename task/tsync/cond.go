package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
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
func (d *Cond) Wait() {
	ctx, c := callerUncancelled()
	_ = d.wait(ctx, c, true)
}

// WaitContext is [Cond.Wait], which gives up when ctx ends first, and returns the cause; then no Signal was used up. L is held
// when it returns, also with an error. For that it may have to wait beyond the end of ctx.
func (d *Cond) WaitContext(ctx context.Context) error {
	c, err := task.Enter(ctx)
	if err != nil {
		return err
	}
	return d.wait(ctx, c, false)
}

// wait waits, which the end of ctx does not end if hard.
func (d *Cond) wait(ctx context.Context, c *task.Ctx, hard bool) error {
	if d.L == nil {
		panic("tsync: Wait of a Cond without a lock: make one with NewCond")
	}
	w := plainWaiters.take(ctx, c, d)
	w.Why = rt.WaitCond
	d.mu.Lock()
	d.queue.push(w)
	d.mu.Unlock()
	d.unlock(w)
	return d.await(w, hard)
}

// unlock unlocks L, after w was queued: a Signal that comes as soon as L is free must find it. If L is not locked, Unlock
// panics, and w must not stay behind: the next Signal would end whatever its task waits for by then.
func (d *Cond) unlock(w *waiter[struct{}]) {
	unlocked := false
	defer func() {
		if !unlocked {
			d.retract(w)
		}
	}()
	d.L.Unlock()
	unlocked = true
}

// retract ends the wait of w, which has not begun. If a Signal has come already, it goes to the next waiter.
func (d *Cond) retract(w *waiter[struct{}]) {
	if !d.withdraw(w) {
		w.WaitWoken()
		d.Signal()
	}
	plainWaiters.put(w)
}

// await waits for w and locks L again, even if the context panics.
func (d *Cond) await(w *waiter[struct{}], hard bool) error {
	defer d.L.Lock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

// Signal wakes the waiter that has been waiting longest, if there is one. The caller may hold L, but need not.
func (d *Cond) Signal() {
	d.mu.Lock()
	var w *waiter[struct{}]
	if d.queue.first != nil {
		w = d.queue.pop()
	}
	d.mu.Unlock()
	if w != nil {
		w.wake(nil)
	}
}

// Broadcast wakes all that wait. The caller may hold L, but need not.
func (d *Cond) Broadcast() {
	d.mu.Lock()
	list := d.queue.takeAll()
	d.mu.Unlock()
	wakeList(list, nil)
}

var _ owner[struct{}] = (*Cond)(nil)

// withdraw implements owner.
func (d *Cond) withdraw(w *waiter[struct{}]) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return w.leave()
}
