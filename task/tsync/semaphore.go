package tsync

import (
	"context"
	"fmt"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
)

// Semaphore is a weighted semaphore for tasks and goroutines. It bounds the concurrent use of a
// resource that comes in units. It has the methods of golang.org/x/sync/semaphore. Make one with
// [NewSemaphore]. Waiters are served first-in-first-out, so callers that want few units do not
// starve one that wants many.
type Semaphore struct {
	_     noCopy
	mu    atomicx.Mutex
	size  int64
	used  int64
	queue queue[int64] // v is the number of units that the waiter wants
	// sole is a task that took units when none were in use, while locks were watched (see
	// watch.go). soleUsed is the number that it took, until a Release sets it to 0. Meanwhile used
	// only grows. So while used equals soleUsed and is not 0, the task sole holds all units in use.
	sole     rt.Handle
	soleUsed int64
}

var semaphoreWaiters pool[int64]

// NewSemaphore makes a semaphore of n units, all free. It panics if n is negative.
func NewSemaphore(n int64) *Semaphore {
	if n < 0 {
		panic(fmt.Sprintf("tsync: NewSemaphore(%d): want a number of units of 0 or more", n))
	}
	return &Semaphore{size: n}
}

// Acquire takes n units. It waits until n units are free and all earlier waiters have been served,
// parking the calling task or blocking the calling goroutine. If ctx ends first, Acquire returns
// the context's cause and has taken no unit. If n is more than the semaphore's size, Acquire waits
// for the end of ctx and holds up no other waiter. Acquire panics if n is negative.
func (s *Semaphore) Acquire(ctx context.Context, n int64) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	if n < 0 {
		panic("tsync: Acquire of a negative number of units of a Semaphore")
	}
	s.mu.Lock()
	if s.fits(n) {
		s.used += n
		s.mu.Unlock()
		return nil
	}
	if s.takeNoted(n) {
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
	s.queue.Push(w)
	s.mu.Unlock()
	if _, _, err = semaphoreWaiters.wait(w); err != nil {
		return err
	}
	return s.confirm(ctx, n)
}

// confirm gives back the n units that Acquire has waited for, if ctx has ended meanwhile or a
// method of ctx panics. As in x/sync, an Acquire whose context ends before the units are free never
// succeeds.
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

// TryAcquire takes n units if they are free and no caller waits, and reports whether it did. It
// never waits. It panics if n is negative.
func (s *Semaphore) TryAcquire(n int64) bool {
	point()
	if n < 0 {
		panic("tsync: TryAcquire of a negative number of units of a Semaphore")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.take(n)
}

// take takes n units if they are free and no caller waits, and reports whether it did. The caller
// holds mu.
func (s *Semaphore) take(n int64) bool {
	if s.fits(n) {
		s.used += n
		return true
	}
	return s.takeNoted(n)
}

// fits reports whether n units are free, no caller waits, and locks are not watched. The caller
// holds mu. It is small enough to inline, and take is not.
func (s *Semaphore) fits(n int64) bool {
	// While locks are watched, the third term makes the difference negative, whatever the size.
	return s.size-s.used-int64(rt.Free())<<32 >= n && s.queue.First == nil
}

// Release gives n units back. It never waits. It panics if n is negative or more units than are
// taken.
func (s *Semaphore) Release(n int64) {
	point()
	if n < 0 {
		panic("tsync: Release of a negative number of units of a Semaphore")
	}
	s.mu.Lock()
	if n > s.used {
		s.mu.Unlock()
		panic("tsync: Release of more units of a Semaphore than are taken")
	}
	s.used -= n
	s.soleUsed = 0 // a later taker may not note itself
	ws := s.grant()
	s.mu.Unlock()
	wakeAll(ws, nil)
}

// grant serves waiters from the head of the queue while there are enough free units, and returns
// them. The caller holds mu, and wakes them after unlocking it.
func (s *Semaphore) grant() (ws list.Chain[waiter[int64]]) {
	for w := s.queue.First; w != nil && s.size-s.used >= w.v; w = s.queue.First {
		s.used += w.v
		s.noteGiven(w.Task(), w.v)
		ws.Add(s.queue.Pop())
	}
	return ws
}

var _ owner[int64] = (*Semaphore)(nil)

// withdraw implements owner. It serves the waiters behind w that had to wait only because of w.
func (s *Semaphore) withdraw(w *waiter[int64]) bool {
	s.mu.Lock()
	if !w.Leave() {
		s.mu.Unlock()
		return false
	}
	ws := s.grant()
	s.mu.Unlock()
	wakeAll(ws, nil)
	return true
}
