package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// Mutex is a lock for tasks and goroutines, with the methods of a sync.Mutex. The zero Mutex is unlocked. It must not be
// copied. A Mutex has no owner: one task may lock it and another unlock it.
//
// Those who wait do so in a first-in-first-out queue. Who comes while the mutex happens to be free
// takes it, and need not wait for the first of the queue to get going, which would make everybody wait
// for a task switch at each Unlock; but when the first of the queue has been woken and
// finds that it was overtaken, the next Unlock hands the mutex to it directly. So each waiter is overtaken
// only for as long as it takes to wake it, and then by one holder more. And while holders give way before they
// unlock, so that there is nothing to be gained by overtaking, the mutex is handed from one to the next.
type Mutex struct {
	// state has the bits below. mxLocked is set by whoever takes the mutex, by CAS, and cleared by Unlock; the others
	// change under mu only.
	state    atomicx.Uint32
	mu       atomicx.Mutex
	queue    queue[bool] // v says that the mutex was handed over
	handoffs int         // to how many of those who follow it will be; under mu
	// holder is the task that took the mutex while there was a queue, or nil if that was a goroutine. Written by who takes
	// it, or hands it over; a guess for others.
	holder atomicx.Relaxed[rt.Task]
}

// handoffBurst is to how many waiters in a row the mutex is handed over after a holder was seen to have given way. Then one is
// woken to compete again: if that is still in vain, it costs a switch more.
const handoffBurst = 64

const (
	mxLocked  = 1 << iota
	mxQueued  // the queue is not empty, or a woken waiter is about: Unlock has to look
	mxWoken   // a waiter was woken and has not taken the mutex yet: no need for another
	mxStarved // the first of the queue was overtaken: hand over
)

var mutexWaiters pool[bool]

var _ sync.Locker = (*Mutex)(nil)

// Lock locks m. If it is locked already, Lock waits, parking the task or blocking the goroutine, until m is its own. Nothing
// else ends the wait, not even the task's cancellation: see [Mutex.LockContext].
func (m *Mutex) Lock() {
	if !m.state.CompareAndSwap(0, mxLocked) {
		m.lockSlow()
	}
}

// LockContext is [Mutex.Lock], which gives up when ctx ends first: it returns the cause, and m is not locked by this call.
func (m *Mutex) LockContext(ctx context.Context) error {
	of, ok := ctx.(*task.Ctx)
	d := (*rt.Task)(of)
	if !ok || !wait.MayEnter(d) {
		var err error
		if d, err = wait.Enter(ctx, d); err != nil {
			return err
		}
	}
	if m.state.CompareAndSwap(0, mxLocked) {
		return nil
	}
	if m.TryLock() {
		m.holder.Store(d)
		return nil
	}
	return m.join(ctx, d, false)
}

// TryLock locks m if it is free, and reports whether it did.
func (m *Mutex) TryLock() bool {
	for {
		s := m.state.Load()
		if s&mxLocked != 0 {
			return false
		}
		if m.state.CompareAndSwap(s, s|mxLocked) {
			return true
		}
	}
}

// Unlock unlocks m, and panics if it is not locked.
func (m *Mutex) Unlock() {
	if !m.state.CompareAndSwap(mxLocked, 0) {
		m.unlockSlow()
	}
}

func (m *Mutex) lockSlow() {
	if m.TryLock() {
		if h := m.holder.Load(); h == nil || !h.IsCurrent() { // mostly the same task again: to look for it costs more
			m.holder.Store(rt.Current())
		}
		return
	}
	ctx, d := callerUncancelled()
	_ = m.join(ctx, d, true) // no error: it is hard
}

// join takes the mutex, if need be after waiting, which the end of ctx does not end if hard.
func (m *Mutex) join(ctx context.Context, d *rt.Task, hard bool) error {
	m.mu.Lock()
	if m.takeOrMark(mxQueued, 0) {
		m.holder.Store(d)
		m.mu.Unlock()
		return nil
	}
	w := mutexWaiters.take(ctx, d, m)
	w.Reason = rt.WaitMutex
	m.queue.push(w)
	for {
		m.mu.Unlock()
		handed, _, err := mutexWaiters.await(w, hard)
		if err != nil || handed {
			return err
		}
		// Woken, to compete with those who run already.
		m.mu.Lock()
		if m.takeOrMark(mxStarved|mxQueued, mxWoken) {
			m.holder.Store(d)
			m.settle()
			m.mu.Unlock()
			return nil
		}
		if h := m.holder.Load(); h != nil && h.State() != rt.Running {
			m.handoffs = handoffBurst
		}
		w = mutexWaiters.take(ctx, d, m)
		w.Reason = rt.WaitMutex
		m.queue.pushFront(w)
	}
}

// takeOrMark takes the mutex, or, if it is locked, sets the bits of set, so that Unlock will look; either
// way it clears those of clear. Called under mu. Unlock without mu succeeds only while nothing but mxLocked is set, so either the
// mark is seen by the Unlock of the present holder or the mutex is found free here.
func (m *Mutex) takeOrMark(set, clear uint32) bool {
	for {
		s := m.state.Load()
		if s&mxLocked == 0 {
			if m.state.CompareAndSwap(s, s&^clear|mxLocked) {
				return true
			}
		} else if m.state.CompareAndSwap(s, s&^clear|set) {
			return false
		}
	}
}

// settle clears mxQueued if there is no reason for it. Called under mu.
func (m *Mutex) settle() {
	if m.queue.first == nil && m.state.Load()&mxWoken == 0 {
		m.state.And(^uint32(mxQueued | mxStarved))
	}
}

func (m *Mutex) unlockSlow() {
	// While a woken waiter is on its way nothing is to be done for the queue. It marks the state, or finds m free, by CAS: so
	// either this CAS fails, or that waiter sees it.
	for s := m.state.Load(); s&(mxLocked|mxWoken) == mxLocked|mxWoken; s = m.state.Load() {
		if m.state.CompareAndSwap(s, s&^mxLocked) {
			return
		}
	}
	m.mu.Lock()
	s := m.state.Load() // nothing but mxLocked changes now, and only if this call is one too many
	switch {
	case s&mxLocked == 0:
		m.mu.Unlock()
		panic("tsync: Unlock of a Mutex that is not locked")
	case m.queue.first == nil || s&mxWoken != 0:
		m.state.And(^uint32(mxLocked))
		m.settle()
		m.mu.Unlock()
		return
	}
	w := m.queue.pop()
	w.v = s&mxStarved != 0 || m.handoffs > 0
	if w.v { // still locked, now by w
		m.handoffs = max(m.handoffs-1, 0)
		m.holder.Store(w.Task())
		m.state.And(^uint32(mxStarved))
		m.settle()
	} else {
		m.state.Store(mxQueued | mxWoken)
	}
	m.mu.Unlock()
	w.wake(nil)
}

var _ owner[bool] = (*Mutex)(nil)

// withdraw implements owner.
func (m *Mutex) withdraw(w *waiter[bool]) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := m.queue.first == w
	if !w.leave() {
		return false
	}
	if first {
		m.state.And(^uint32(mxStarved))
	}
	m.settle()
	return true
}
