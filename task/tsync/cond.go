package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A Locker is a lock that a [Cond] can work with: a [Mutex], or an [RWMutex], which is then
// locked for writing.
type Locker interface {
	Lock(ctx context.Context) error
	Unlock()

	// relock locks whether ctx has ended or not.
	relock(ctx context.Context, c *task.Ctx)
}

// Cond is a place where tasks and goroutines wait for a condition that others announce. Make one with
// [NewCond]. It must not be copied.
type Cond struct {
	// L is held by whoever looks at the condition or changes it.
	L Locker

	mu    atomicx.Mutex
	queue queue[struct{}]
}

// NewCond makes a Cond with the lock l.
func NewCond(l Locker) *Cond { return &Cond{L: l} }

// Wait unlocks L, waits, parking the task or blocking the goroutine, until Signal or Broadcast wakes it, and locks
// L again. The caller holds L. When ctx ends first Wait returns the cause; then no Signal was
// used up. L is held when Wait returns, also with an error, and for that it may have to wait beyond the end of ctx.
// If L is not locked, Wait panics as L.Unlock does, and waits for nothing.
//
// The condition need not hold when Wait returns: look at it in a loop.
//
//	for !condition() {
//		if err := cond.Wait(ctx); err != nil {
//			return err
//		}
//	}
func (d *Cond) Wait(ctx context.Context) error {
	c, err := task.Enter(ctx)
	if err != nil {
		return err
	}
	if d.L == nil {
		panic("tsync: Wait of a Cond without a lock: make one with NewCond")
	}
	w := plainWaiters.take(ctx, c, d)
	w.Why = rt.WaitCond
	d.mu.Lock()
	d.queue.push(w)
	d.mu.Unlock()
	d.unlock(w)
	return d.await(ctx, c, w)
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
func (d *Cond) await(ctx context.Context, c *task.Ctx, w *waiter[struct{}]) error {
	defer d.L.relock(ctx, c)
	_, _, err := plainWaiters.wait(w)
	return err
}

// Signal wakes who has been waiting longest, if anybody waits. The caller may hold L, but need not.
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
