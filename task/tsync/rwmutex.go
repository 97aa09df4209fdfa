package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// RWMutex is a lock that any number of readers may hold, or one writer; for tasks and goroutines. It has the methods of a
// sync.RWMutex. The zero RWMutex is unlocked. It must not be copied.
//
// Readers and writers that both wait take turns: a writer that waits keeps new readers out, and
// when a writer unlocks, all readers that wait by then come before the next writer. So neither
// starves. A reader that already holds the lock must not take it again: with a writer waiting between, both would
// wait for ever. Writers are served first-in-first-out.
type RWMutex struct {
	mu      atomicx.Mutex
	writing bool
	readers int
	readq   queue[struct{}]
	writeq  queue[struct{}]
}

var _ sync.Locker = (*RWMutex)(nil)

// Lock locks rw for writing. It waits, parking the task or blocking the goroutine, until no reader or writer holds rw.
// Nothing else ends the wait: see [RWMutex.LockContext].
func (rw *RWMutex) Lock() {
	rw.mu.Lock()
	if rw.takeToWrite() {
		return
	}
	ctx, c := callerUncancelled()
	_ = rw.await(ctx, c, &rw.writeq, rt.WaitWLock, true)
}

// LockContext is [RWMutex.Lock], which gives up when ctx ends first: it returns the cause, and has locked nothing.
func (rw *RWMutex) LockContext(ctx context.Context) error {
	c, err := task.Enter(ctx)
	if err != nil {
		return err
	}
	rw.mu.Lock()
	if rw.takeToWrite() {
		return nil
	}
	return rw.await(ctx, c, &rw.writeq, rt.WaitWLock, false)
}

// takeToWrite locks rw for writing and unlocks mu, or does neither and reports false. Called under mu.
func (rw *RWMutex) takeToWrite() bool {
	if rw.writing || rw.readers > 0 {
		return false
	}
	rw.writing = true
	rw.mu.Unlock()
	return true
}

// takeToRead is takeToWrite for reading.
func (rw *RWMutex) takeToRead() bool {
	if rw.writing || rw.writeq.first != nil {
		return false
	}
	rw.readers++
	rw.mu.Unlock()
	return true
}

// await waits in q, which the end of ctx does not end if hard. Called under mu, which it unlocks.
func (rw *RWMutex) await(ctx context.Context, c *task.Ctx, q *queue[struct{}], why rt.Why, hard bool) error {
	w := plainWaiters.take(ctx, c, rw)
	w.Why = why
	q.push(w)
	rw.mu.Unlock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

// TryLock locks rw for writing if nobody holds it, and reports whether it did.
func (rw *RWMutex) TryLock() bool {
	rw.mu.Lock()
	if rw.takeToWrite() {
		return true
	}
	rw.mu.Unlock()
	return false
}

// Unlock ends writing. It panics if rw is not locked for writing.
func (rw *RWMutex) Unlock() {
	rw.mu.Lock()
	if !rw.writing {
		rw.mu.Unlock()
		panic("tsync: Unlock of an RWMutex that is not locked for writing")
	}
	rw.writing = false
	list := rw.admit()
	if list == nil {
		list = rw.promote()
	}
	rw.mu.Unlock()
	wakeList(list, nil)
}

// RLock locks rw for reading. It waits, parking the task or blocking the goroutine, while a writer holds rw or
// waits for it. Nothing else ends the wait: see [RWMutex.RLockContext].
func (rw *RWMutex) RLock() {
	rw.mu.Lock()
	if rw.takeToRead() {
		return
	}
	ctx, c := callerUncancelled()
	_ = rw.await(ctx, c, &rw.readq, rt.WaitRLock, true)
}

// RLockContext is [RWMutex.RLock], which gives up when ctx ends first: it returns the cause, and has locked nothing.
func (rw *RWMutex) RLockContext(ctx context.Context) error {
	c, err := task.Enter(ctx)
	if err != nil {
		return err
	}
	rw.mu.Lock()
	if rw.takeToRead() {
		return nil
	}
	return rw.await(ctx, c, &rw.readq, rt.WaitRLock, false)
}

// RLocker returns a sync.Locker whose Lock and Unlock are rw.RLock and rw.RUnlock.
func (rw *RWMutex) RLocker() sync.Locker { return (*readLocker)(rw) }

type readLocker RWMutex

func (l *readLocker) Lock()   { (*RWMutex)(l).RLock() }
func (l *readLocker) Unlock() { (*RWMutex)(l).RUnlock() }

// TryRLock locks rw for reading if no writer holds it or waits for it, and reports whether it did.
func (rw *RWMutex) TryRLock() bool {
	rw.mu.Lock()
	if rw.takeToRead() {
		return true
	}
	rw.mu.Unlock()
	return false
}

// RUnlock ends one reading. It panics if rw is not locked for reading.
func (rw *RWMutex) RUnlock() {
	rw.mu.Lock()
	if rw.readers == 0 {
		rw.mu.Unlock()
		panic("tsync: RUnlock of an RWMutex that is not locked for reading")
	}
	rw.readers--
	list := rw.promote()
	rw.mu.Unlock()
	wakeList(list, nil)
}

// admit lets all readers in that wait, and returns them to be woken. Called under mu, when there is no writer.
func (rw *RWMutex) admit() (list *waiter[struct{}]) {
	list = rw.readq.takeAll()
	for w := list; w != nil; w = w.next {
		rw.readers++
	}
	return list
}

// promote hands rw to the first writer that waits, if nobody holds it. Called under mu.
func (rw *RWMutex) promote() *waiter[struct{}] {
	if rw.writing || rw.readers > 0 || rw.writeq.first == nil {
		return nil
	}
	rw.writing = true
	return rw.writeq.pop()
}

var _ owner[struct{}] = (*RWMutex)(nil)

// withdraw implements owner. Readers may have waited for w only.
func (rw *RWMutex) withdraw(w *waiter[struct{}]) bool {
	rw.mu.Lock()
	if !w.leave() {
		rw.mu.Unlock()
		return false
	}
	var list *waiter[struct{}]
	if !rw.writing && rw.writeq.first == nil {
		list = rw.admit()
	}
	rw.mu.Unlock()
	wakeList(list, nil)
	return true
}
