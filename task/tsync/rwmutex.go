package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/list"
	"github.com/heddle-go/heddle/internal/rt"
)

// RWMutex is a reader/writer lock for tasks and goroutines, with the methods of sync.RWMutex: any
// number of readers may hold it, or one writer. The zero RWMutex is unlocked. An RWMutex must not
// be copied.
//
// If readers and writers both wait, they take turns. A waiting writer keeps new readers out. When a
// writer unlocks, all readers that wait by then get the lock before the next writer does. So
// neither side starves. Writers are served first-in-first-out. A reader that holds the lock must
// not lock it for reading again: if a writer waits in between, both wait for ever.
type RWMutex struct {
	// state holds rwWriting, rwQueued, and the number of readers times rwReader. It changes in two
	// ways:
	//
	//	fast, without mu                     slow
	//	Lock-F1  load it; if rwQueued is     Lock-S1  lock mu
	//	         set, go slow                Lock-S2  set rwQueued
	//	Lock-F2  CAS from the value that     Lock-S3  change it, or queue
	//	         Lock-F1 loaded              Lock-S4  if both queues are empty, clear rwQueued
	//	                                     Lock-S5  unlock mu
	//
	// Between Lock-S2 and Lock-S4 no Lock-F2 succeeds, so only the holder of mu changes the word.
	// rwQueued stays set while a waiter is queued. So if an unlock comes before Lock-S2, Lock-S3
	// finds the lock free. If it comes later, it takes the slow way and sees the queues.
	state atomicx.Uint64

	mu     atomicx.Mutex
	readq  queue[struct{}]
	writeq queue[struct{}]
	// noted is the task that has done all the locks of rw, if it did them while locks were watched
	// (see watch.go). Otherwise noted is zero. While noted is set, rwQueued stays set, so that each
	// lock and unlock goes the slow way and keeps noted true.
	noted rt.Handle
}

const (
	rwWriting = 1 << iota // a writer holds the lock
	rwQueued              // every operation must take the slow way
	rwReader              // one reader
)

var _ sync.Locker = (*RWMutex)(nil)

// Lock locks rw for writing. It waits until no reader and no writer holds rw, parking the calling
// task or blocking the calling goroutine. Cancelling the task does not end the wait; use
// [RWMutex.LockContext] if it should.
func (rw *RWMutex) Lock() {
	if rw.state.CompareAndSwap(uint64(rt.Free()), rwWriting) {
		return
	}
	point()
	rw.begin()
	if rw.takeToWrite() {
		return
	}
	ctx, d := callerUncancelled()
	_ = rw.await(ctx, d, &rw.writeq, rt.WaitWLock, true)
}

// LockContext is like [RWMutex.Lock], but gives up if ctx ends first. Then it returns the context's
// cause, and this call has not locked rw.
func (rw *RWMutex) LockContext(ctx context.Context) error {
	d, err := enter(ctx)
	if err != nil {
		return err
	}
	if rw.state.CompareAndSwap(uint64(rt.Free()), rwWriting) || rw.tryLockSlow() {
		return nil
	}
	rw.begin()
	if rw.takeToWrite() {
		return nil
	}
	return rw.await(ctx, d, &rw.writeq, rt.WaitWLock, false)
}

// begin begins the slow way (steps Lock-S1 and Lock-S2 at RWMutex.state).
func (rw *RWMutex) begin() {
	rw.mu.Lock()
	rw.state.Or(rwQueued)
}

// end ends the slow way (steps Lock-S4 and Lock-S5).
func (rw *RWMutex) end() {
	if rw.readq.First == nil && rw.writeq.First == nil && rw.noted == (rt.Handle{}) {
		rw.state.And(^uint64(rwQueued))
	}
	rw.mu.Unlock()
}

// takeToWrite locks rw for writing and ends the slow way. If rw is not free, it does neither and
// reports false. Call it after begin.
func (rw *RWMutex) takeToWrite() bool {
	if rw.state.Load() != rwQueued {
		return false
	}
	rw.state.Store(rwQueued | rwWriting)
	rw.noteCaller()
	rw.end()
	return true
}

// takeToRead is like takeToWrite, for reading. It also reports false if a writer waits.
func (rw *RWMutex) takeToRead() bool {
	if rw.state.Load()&rwWriting != 0 || rw.writeq.First != nil {
		return false
	}
	rw.state.Add(rwReader)
	rw.noteCaller()
	rw.end()
	return true
}

// await queues the caller in q, ends the slow way, and waits. Call it after begin. If hard is set,
// the end of ctx does not end the wait.
func (rw *RWMutex) await(ctx context.Context, d *rt.Task, q *queue[struct{}], reason rt.WaitReason, hard bool) error {
	w := plainWaiters.take(ctx, d, rw)
	w.Reason = reason
	q.Push(w)
	rw.mu.Unlock()
	_, _, err := plainWaiters.await(w, hard)
	return err
}

// TryLock locks rw for writing if no reader and no writer holds it, and reports whether it did. It
// never waits.
func (rw *RWMutex) TryLock() bool {
	if rw.state.CompareAndSwap(uint64(rt.Free()), rwWriting) {
		return true
	}
	point()
	return rw.tryLockSlow()
}

// tryLockSlow is TryLock the slow way.
func (rw *RWMutex) tryLockSlow() bool {
	if rw.state.Load()&^rwQueued != 0 {
		return false
	}
	rw.begin()
	if rw.takeToWrite() {
		return true
	}
	rw.end()
	return false
}

// Unlock unlocks rw for writing. It panics if rw is not locked for writing.
func (rw *RWMutex) Unlock() {
	if !rw.state.CompareAndSwap(rt.SlowLongOne, 0) { // from rwWriting
		rw.unlockSlow()
	}
}

func (rw *RWMutex) unlockSlow() {
	point()
	rw.begin()
	s := rw.state.Load()
	if s&rwWriting == 0 {
		rw.end()
		panic("tsync: Unlock of an RWMutex that is not locked for writing")
	}
	rw.state.Store(s &^ rwWriting)
	rw.noted = rt.Handle{}
	ws := rw.admit()
	if ws.First == nil {
		if w := rw.promote(); w != nil {
			ws.Add(w)
		}
	}
	rw.end()
	wakeAll(ws, nil)
}

// RLock locks rw for reading. It waits while a writer holds rw or waits for it, parking the calling
// task or blocking the calling goroutine. Cancelling the task does not end the wait; use
// [RWMutex.RLockContext] if it should.
func (rw *RWMutex) RLock() {
	if rw.tryRead() {
		return
	}
	point()
	rw.begin()
	if rw.takeToRead() {
		return
	}
	ctx, d := callerUncancelled()
	_ = rw.await(ctx, d, &rw.readq, rt.WaitRLock, true)
}

// RLockContext is like [RWMutex.RLock], but gives up if ctx ends first. Then it returns the
// context's cause, and this call has not locked rw.
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

// tryRead locks rw for reading the fast way (steps Lock-F1 and Lock-F2 at RWMutex.state). It
// reports false if the caller must take the slow way.
func (rw *RWMutex) tryRead() bool {
	for {
		s := rw.state.Load()
		if s&(rwWriting|rwQueued) != uint64(rt.Free()) {
			return false
		}
		if rw.state.CompareAndSwap(s, s+rwReader) {
			return true
		}
	}
}

// RLocker returns a sync.Locker whose Lock and Unlock call rw.RLock and rw.RUnlock.
func (rw *RWMutex) RLocker() sync.Locker { return (*readLocker)(rw) }

type readLocker RWMutex

func (l *readLocker) Lock()   { (*RWMutex)(l).RLock() }
func (l *readLocker) Unlock() { (*RWMutex)(l).RUnlock() }

// TryRLock locks rw for reading if no writer holds it or waits for it, and reports whether it did.
// It never waits.
func (rw *RWMutex) TryRLock() bool {
	if rw.tryRead() {
		return true
	}
	point()
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

// RUnlock undoes one RLock. It panics if rw is not locked for reading.
func (rw *RWMutex) RUnlock() {
	for {
		s := rw.state.Load() | rt.SlowLong
		if s&(rwQueued|rt.SlowLongBits) != 0 || s < rwReader {
			point()
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
	s -= rwReader
	rw.state.Store(s)
	if s < rwReader {
		rw.noted = rt.Handle{} // otherwise it was not the last lock of the noted task
	}
	w := rw.promote()
	rw.end()
	if w != nil {
		w.wake(nil)
	}
}

// admit lets in all waiting readers and returns them. The caller wakes them. It is called on the
// slow way, while no writer holds rw.
func (rw *RWMutex) admit() list.Chain[waiter[struct{}]] {
	ws := rw.readq.TakeAll()
	for w := ws.First; w != nil; w = w.Next() {
		rw.state.Add(rwReader)
		rw.noteGiven(w.Task())
	}
	return ws
}

// promote hands rw to the first waiting writer, if no reader and no writer holds rw. It returns
// that writer, which the caller wakes, or nil. It is called on the slow way.
func (rw *RWMutex) promote() *waiter[struct{}] {
	if rw.state.Load() != rwQueued || rw.writeq.First == nil {
		return nil
	}
	rw.state.Store(rwQueued | rwWriting)
	w := rw.writeq.Pop()
	rw.noteGiven(w.Task())
	return w
}

var _ owner[struct{}] = (*RWMutex)(nil)

// withdraw implements owner. If w is the last waiting writer, the readers that wait only because of
// w get in.
func (rw *RWMutex) withdraw(w *waiter[struct{}]) bool {
	rw.begin()
	if !w.Leave() {
		rw.end()
		return false
	}
	var ws list.Chain[waiter[struct{}]]
	if rw.state.Load()&rwWriting == 0 && rw.writeq.First == nil {
		ws = rw.admit()
	}
	rw.end()
	wakeAll(ws, nil)
	return true
}
