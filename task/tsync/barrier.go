package tsync

import (
	"context"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Barrier lets a fixed number of parties, each a task or a goroutine, wait for each other, round
// after round. Make one with [NewBarrier].
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

// Wait arrives at the barrier and waits until all parties have arrived, parking the calling task or
// blocking the calling goroutine. The last party to arrive does not wait. Wait returns true to the
// last party, and false to all others. What each party did before its Wait happens before what any
// party does after its Wait. Cancelling the task does not end the wait; use [Barrier.WaitContext]
// if it should. Wait panics if the barrier was not made by NewBarrier.
func (b *Barrier) Wait() (last bool) {
	point()
	ctx, d := callerUncancelled()
	last, _ = b.wait(ctx, d, true)
	return last
}

// WaitContext is like [Barrier.Wait], but gives up if ctx ends first. Then it returns the context's
// cause, and the party does not count as having arrived.
func (b *Barrier) WaitContext(ctx context.Context) (last bool, err error) {
	d, err := enter(ctx)
	if err != nil {
		return false, err
	}
	return b.wait(ctx, d, false)
}

// wait does the work of Wait and WaitContext. If hard is set, the end of ctx does not end the wait.
func (b *Barrier) wait(ctx context.Context, d *rt.Task, hard bool) (last bool, err error) {
	if b.parties == 0 {
		panic("tsync: Wait of the zero Barrier, which has no parties: make one with NewBarrier")
	}
	b.mu.Lock()
	if b.waiting+1 == b.parties {
		b.waiting = 0
		ws := b.queue.TakeAll()
		b.mu.Unlock()
		wakeAll(ws, d)
		return true, nil
	}
	b.waiting++
	w := plainWaiters.take(ctx, d, b)
	w.Reason = rt.WaitBarrier
	b.queue.Push(w)
	b.mu.Unlock()
	_, _, err = plainWaiters.await(w, hard)
	return false, err
}

var _ owner[struct{}] = (*Barrier)(nil)

// withdraw implements owner.
func (b *Barrier) withdraw(w *waiter[struct{}]) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !w.Leave() {
		return false
	}
	b.waiting--
	return true
}
