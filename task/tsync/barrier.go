package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Barrier is where a fixed number of parties, tasks or goroutines, wait for each other, round after
// round. Make one with [NewBarrier].
type Barrier struct {
	_       noCopy
	mu      atomicx.Mutex
	parties int
	waiting int
	queue   queue[struct{}]
}

// NewBarrier makes a barrier for n parties. It panics if n is not positive.
func NewBarrier(n int) *Barrier {
	if n <= 0 {
		panic("tsync: NewBarrier for no parties: it needs at least one")
	}
	return &Barrier{parties: n}
}

// Wait arrives at the barrier and waits, parking the task or blocking the goroutine, until all parties have arrived. The
// party that arrives last does not wait, and gets last as true. What any party did before happens before what
// any does after. Nothing else ends the wait: see [Barrier.WaitContext].
func (b *Barrier) Wait() (last bool) {
	ctx, d := callerUncancelled()
	last, _ = b.wait(ctx, d, true)
	return last
}

// WaitContext is [Barrier.Wait], which gives up when ctx ends first: it returns the cause, and the party counts as not having
// arrived.
func (b *Barrier) WaitContext(ctx context.Context) (last bool, err error) {
	d, err := enter(ctx)
	if err != nil {
		return false, err
	}
	return b.wait(ctx, d, false)
}

// wait waits, which the end of ctx does not end if hard.
func (b *Barrier) wait(ctx context.Context, d *rt.Task, hard bool) (last bool, err error) {
	if b.parties == 0 {
		panic("tsync: Wait of the zero Barrier, which has no parties: make one with NewBarrier")
	}
	b.mu.Lock()
	if b.waiting+1 == b.parties {
		b.waiting = 0
		list := b.queue.takeAll()
		b.mu.Unlock()
		wakeList(list, d)
		return true, nil
	}
	b.waiting++
	w := plainWaiters.take(ctx, d, b)
	w.Reason = rt.WaitBarrier
	b.queue.push(w)
	b.mu.Unlock()
	_, _, err = plainWaiters.await(w, hard)
	return false, err
}

var _ owner[struct{}] = (*Barrier)(nil)

// withdraw implements owner.
func (b *Barrier) withdraw(w *waiter[struct{}]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !w.leave() {
		return false
	}
	b.waiting--
	return true
}
