package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// RWMutex is a lock that any number of readers may hold, or one writer; for tasks and goroutines. It has the methods of a
// sync.RWMutex. The zero RWMutex is unlocked. It must not be copied.
//
// Readers and writers that both wait take turns: a writer that waits keeps new readers out, and
// when a writer unlocks, all readers that wait by then come before the next writer. So neither
// starves. A reader that already holds the lock must not take it again: with a writer waiting between, both would
// wait for ever. Writers are served first-in-first-out.
type RWMutex struct {
	// state is rwWriting, rwQueued and the number of readers times rwReader. There are two ways to change it:
	//
	//	fast, without mu                           slow
	//	F1 load it; if rwQueued is set, go slow    S1 lock mu
	//	F2 CAS, from what F1 has seen              S2 set rwQueued
	//	                                           S3 change it, or queue
	//	                                           S4 if both queues are empty, clear rwQueued
	//	                                           S5 unlock mu
	//
	// Between S2 and S4 each F2 fails or is never tried, so the holder of mu alone changes the word. While a waiter is queued
	// rwQueued stays set. So each unlock comes before S2, and S3 finds the lock free, or is slow, and sees the queues.
	state atomicx.Uint64

	mu     atomicx.Mutex
	readq  queue[struct{}]
	writeq queue[struct{}]
}

const (
	rwWriting = 1 << iota // a writer holds the lock
	rwQueued              // all go the slow way
	rwReader              // one reader
)

var _ sync.Locker = (*RWMutex)(nil)

// Lock locks rw for writing. It waits, parking the task or blocking the goroutine, until no reader or writer holds rw.
// Nothing else ends the wait: see [RWMutex.LockContext].
func (rw *RWMutex) Lock() {
	if rw.state.CompareAndSwap(0, rwWriting) {
		return
	}
	rw.begin()
	if rw.takeToWrite() {
		return
	}
	ctx, d := callerUncancelled()
	_ = rw.await(ctx, d, &rw.writeq, rt.WaitWLock, true)
}

// LockContext is [RWMutex.Lock], which gives up when ctx ends first: it returns the cause, and has locked nothing.
func (rw *RWMutex) LockContext(ctx context.Context) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	if rw.TryLock() {
		return nil
	}
	rw.begin()
	if rw.takeToWrite() {
		return nil
	}
	return rw.await(ctx, d, &rw.writeq, rt.WaitWLock, false)
}

// begin starts the slow way (S1, S2).
func (rw *RWMutex) begin() {
	rw.mu.Lock()
	rw.state.Or(rwQueued)
}

// end ends it (S4, S5).
func (rw *RWMutex) end() {
	if rw.readq.first == nil && rw.writeq.first == nil {
		rw.state.And(^uint64(rwQueued))
	}
	rw.mu.Unlock()
}

// takeToWrite locks rw for writing and ends the slow way, or does neither and reports false. Called after begin.
func (rw *RWMutex) takeToWrite() bool {
	if rw.state.Load() != rwQueued {
		return false
	}
	rw.state.Store(rwQueued | rwWriting)
	rw.end()
	return true
}

// takeToRead is takeToWrite for reading.
func (rw *RWMutex) takeToRead() bool {
	if rw.state.Load()&rwWriting != 0 || rw.writeq.first != nil {
		return false
	}
	rw.state.Add(rwReader)
	rw.end()
	return true
}

// await waits in q, which the end of ctx does not end if hard. Called after begin; ends the slow way.
func (rw *RWMutex) await(ctx context.Context, d *rt.Task, q *queue[struct{}], why rt.WaitReason, hard bool) error {
	w := plainWaiters.take(ctx, d, rw)
	w.Reason = why
	q.push(w)
	rw.mu.Unlock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

// TryLock locks rw for writing if no reader or writer holds it, and reports whether it did.
func (rw *RWMutex) TryLock() bool {
	if rw.state.CompareAndSwap(0, rwWriting) {
		return true
	}
	if rw.state.Load() != rwQueued {
		return false
	}
	rw.begin()
	if rw.takeToWrite() {
		return true
	}
	rw.end()
	return false
}

// Unlock ends writing. It panics if rw is not locked for writing.
func (rw *RWMutex) Unlock() {
	if !rw.state.CompareAndSwap(rwWriting, 0) {
		rw.unlockSlow()
	}
}

func (rw *RWMutex) unlockSlow() {
	rw.begin()
	s := rw.state.Load()
	if s&rwWriting == 0 {
		rw.end()
		panic("tsync: Unlock of an RWMutex that is not locked for writing")
	}
	rw.state.Store(s &^ rwWriting)
	list := rw.admit()
	if list == nil {
		list = rw.promote()
	}
	rw.end()
	wakeList(list, nil)
}

// RLock locks rw for reading. It waits, parking the task or blocking the goroutine, while a writer holds rw or
// waits for it. Nothing else ends the wait: see [RWMutex.RLockContext].
func (rw *RWMutex) RLock() {
	if rw.tryRead() {
		return
	}
	rw.begin()
	if rw.takeToRead() {
		return
	}
	ctx, d := callerUncancelled()
	_ = rw.await(ctx, d, &rw.readq, rt.WaitRLock, true)
}

// RLockContext is [RWMutex.RLock], which gives up when ctx ends first: it returns the cause, and has locked nothing.
func (rw *RWMutex) RLockContext(ctx context.Context) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	if rw.tryRead() {
		return nil
	}
	rw.begin()
	if rw.takeToRead() {
		return nil
	}
	return rw.await(ctx, d, &rw.readq, rt.WaitRLock, false)
}

// tryRead locks rw for reading the fast way (F1, F2), or reports that it has to go slow.
func (rw *RWMutex) tryRead() bool {
	for {
		s := rw.state.Load()
		if s&(rwWriting|rwQueued) != 0 {
			return false
		}
		if rw.state.CompareAndSwap(s, s+rwReader) {
			return true
		}
	}
}

// RLocker returns a sync.Locker whose Lock and Unlock are rw.RLock and rw.RUnlock.
func (rw *RWMutex) RLocker() sync.Locker { return (*readLocker)(rw) }

type readLocker RWMutex

func (l *readLocker) Lock()   { (*RWMutex)(l).RLock() }
func (l *readLocker) Unlock() { (*RWMutex)(l).RUnlock() }

// TryRLock locks rw for reading if no writer holds it or waits for it, and reports whether it did.
func (rw *RWMutex) TryRLock() bool {
	if rw.tryRead() {
		return true
	}
	if rw.state.Load()&rwWriting != 0 {
		return false
	}
	rw.begin()
	if rw.takeToRead() {
		return true
	}
	rw.end()
	return false
}

// RUnlock ends one reading. It panics if rw is not locked for reading.
func (rw *RWMutex) RUnlock() {
	for {
		s := rw.state.Load()
		if s&rwQueued != 0 || s < rwReader {
			rw.runlockSlow()
			return
		}
		if rw.state.CompareAndSwap(s, s-rwReader) {
			return
		}
	}
}

func (rw *RWMutex) runlockSlow() {
	rw.begin()
	s := rw.state.Load()
	if s < rwReader {
		rw.end()
		panic("tsync: RUnlock of an RWMutex that is not locked for reading")
	}
	rw.state.Store(s - rwReader)
	list := rw.promote()
	rw.end()
	wakeList(list, nil)
}

// admit lets all readers in that wait, and returns them to be woken. Called on the slow way, when there is no writer.
func (rw *RWMutex) admit() (list *waiter[struct{}]) {
	list = rw.readq.takeAll()
	for w := list; w != nil; w = w.next {
		rw.state.Add(rwReader)
	}
	return list
}

// promote hands rw to the first writer that waits, if no reader or writer holds it. Called on the slow way.
func (rw *RWMutex) promote() *waiter[struct{}] {
	if rw.state.Load() != rwQueued || rw.writeq.first == nil {
		return nil
	}
	rw.state.Store(rwQueued | rwWriting)
	return rw.writeq.pop()
}

var _ owner[struct{}] = (*RWMutex)(nil)

// withdraw implements owner. Readers may have waited for w only.
func (rw *RWMutex) withdraw(w *waiter[struct{}]) bool {
	rw.begin()
	if !w.leave() {
		rw.end()
		return false
	}
	var list *waiter[struct{}]
	if rw.state.Load()&rwWriting == 0 && rw.writeq.first == nil {
		list = rw.admit()
	}
	rw.end()
	wakeList(list, nil)
	return true
}
