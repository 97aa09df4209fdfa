package tsync

import (
	"context"
	"fmt"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// Semaphore bounds concurrent use of something that comes in units: a weighted semaphore, for tasks and
// goroutines. Make one with [NewSemaphore]. Those who wait are served first-in-first-out, so one that wants many
// units is not starved by others that want few. Its methods are those of golang.org/x/sync/semaphore.
type Semaphore struct {
	_     noCopy
	mu    atomicx.Mutex
	size  int64
	used  int64
	queue queue[int64] // v is the number of units
}

var semaphoreWaiters pool[int64]

// NewSemaphore makes a semaphore of n units, all of them free. It panics if n is negative.
func NewSemaphore(n int64) *Semaphore {
	if n < 0 {
		panic(fmt.Sprintf("tsync: NewSemaphore(%d): want a number of units of 0 or more", n))
	}
	return &Semaphore{size: n}
}

// Acquire takes n units. It waits, parking the task or blocking the goroutine, until they are free and
// everybody who came earlier has been served. When ctx ends first it returns the cause, and has taken
// nothing. More units than the semaphore has are never free: Acquire then waits for the end of ctx, and keeps
// nobody else waiting. It panics if n is negative.
func (s *Semaphore) Acquire(ctx context.Context, n int64) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	if n < 0 {
		panic("tsync: Acquire of a negative number of units of a Semaphore")
	}
	s.mu.Lock()
	if s.take(n) {
		s.mu.Unlock()
		return nil
	}
	if n > s.size {
		s.mu.Unlock()
		return waitForCancel(ctx)
	}
	w := semaphoreWaiters.take(ctx, d, s)
	w.Reason = rt.WaitSemaphore
	w.v = n
	s.queue.push(w)
	s.mu.Unlock()
	if _, _, err = semaphoreWaiters.wait(w); err != nil {
		return err
	}
	return s.confirm(ctx, n)
}

// confirm gives n units back that Acquire has waited for, if ctx has ended meanwhile, or a method of ctx panics. As in x/sync, an
// Acquire whose context ended before the units were free never succeeds.
func (s *Semaphore) confirm(ctx context.Context, n int64) (err error) {
	confirmed := false
	defer func() {
		if !confirmed {
			s.Release(n)
		}
	}()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	confirmed = true
	return nil
}

// TryAcquire takes n units if they are free and nobody waits, and reports whether it did. It panics if
// n is negative.
func (s *Semaphore) TryAcquire(n int64) bool {
	if n < 0 {
		panic("tsync: TryAcquire of a negative number of units of a Semaphore")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(n)
}

// take takes n units if they are free and nobody waits. Called under mu.
func (s *Semaphore) take(n int64) bool {
	if s.size-s.used < n || s.queue.first != nil {
		return false
	}
	s.used += n
	return true
}

// Release gives n units back. It panics if n is negative or more than are taken.
func (s *Semaphore) Release(n int64) {
	if n < 0 {
		panic("tsync: Release of a negative number of units of a Semaphore")
	}
	s.mu.Lock()
	if n > s.used {
		s.mu.Unlock()
		panic("tsync: Release of more units of a Semaphore than are taken")
	}
	s.used -= n
	list := s.grant()
	s.mu.Unlock()
	wakeList(list, nil)
}

// grant serves those at the head of the queue whose units are free, and returns them to be woken.
func (s *Semaphore) grant() (list *waiter[int64]) {
	last := &list
	for w := s.queue.first; w != nil && s.size-s.used >= w.v; w = s.queue.first {
		s.used += w.v
		s.queue.pop()
		*last, last = w, &w.next
	}
	return list
}

var _ owner[int64] = (*Semaphore)(nil)

// withdraw implements owner. Those behind w may have waited for it only.
func (s *Semaphore) withdraw(w *waiter[int64]) bool {
	s.mu.Lock()
	if !w.leave() {
		s.mu.Unlock()
		return false
	}
	list := s.grant()
	s.mu.Unlock()
	wakeList(list, nil)
	return true
}
