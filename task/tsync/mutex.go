package tsync

import (
	"context"
	"sync"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/task"
)

// Mutex is a mutual exclusion lock for tasks and goroutines, with the methods of sync.Mutex. The
// zero Mutex is unlocked. A Mutex must not be copied. It has no owner: one task may lock it and
// another may unlock it. So a task that locks a Mutex twice waits, as with a sync.Mutex, until
// another task or goroutine unlocks it.
//
// Waiters stand in a first-in-first-out queue. If the mutex is free when Lock is called, the caller
// takes it at once, even if an older waiter has been woken and is still on its way. Strict order
// would make every caller wait for a task switch at each Unlock. Two rules bound the overtaking. If
// the first waiter wakes up and finds that it was overtaken, the next Unlock hands the mutex
// directly to it. So a waiter can be overtaken only until it has woken up, and by one more holder.
// And if holders give way while they hold the mutex, overtaking saves nothing, and Unlock hands the
// mutex from one waiter to the next.
type Mutex struct {
	// state has the bits below. The caller that takes the mutex sets mxLocked by CAS, and Unlock
	// clears it. The other bits change under mu only.
	state atomicx.Uint32
	mu    atomicx.Mutex
	// life is the generation of holder, if mxNoted is set; under mu.
	life     uint32
	queue    queue[bool] // v says that Unlock handed the mutex over
	handoffs int         // how many more times Unlock will hand over; under mu
	// holder is the task that took the mutex while there was a queue, or nil if a goroutine took
	// it. The taker writes it, or the Unlock that hands the mutex over. It is only a hint for
	// readers, unless mxNoted is set and the reader holds mu.
	holder atomicx.Relaxed[rt.Task]
}

// handoffBurst is the number of times in a row that Unlock hands the mutex over, after a waiter has
// seen that the holder gave way while it held the mutex. After that Unlock wakes one waiter to
// compete for the mutex again. If the waiter loses, that has cost one switch.
const handoffBurst = 64

const (
	mxLocked  = 1 << iota
	mxQueued  // a waiter is queued, or woken and on its way: Unlock must take the slow path
	mxWoken   // a woken waiter has not taken the mutex yet: Unlock need not wake another
	mxStarved // the first waiter was overtaken: the next Unlock hands over
	// mxNoted says that holder and life are those of the present holder. It is set only while
	// mxLocked is, by a taker that notes itself because locks are watched; see
	// internal/rt/watch.go.
	mxNoted
)

var mutexWaiters pool[bool]

// The fast paths use rt.SlowOne in place of mxLocked and rt.SlowLongOne in place of rwWriting, so
// both must be 1.
var _ = [1]struct{}{}[(mxLocked-1)|(rwWriting-1)]

var _ sync.Locker = (*Mutex)(nil)

// Lock locks m. If m is already locked, Lock waits until the caller gets it, parking the calling
// task or blocking the calling goroutine. Cancelling the task does not end the wait; use
// [Mutex.LockContext] if it should.
func (m *Mutex) Lock() {
	if !m.state.CompareAndSwap(rt.Free(), mxLocked) {
		m.lockSlow()
	}
}

// LockContext is like [Mutex.Lock], but gives up if ctx ends first. Then it returns the context's
// cause, and this call has not locked m.
func (m *Mutex) LockContext(ctx context.Context) error {
	of, _ := ctx.(*task.Ctx)
	d := wait.MayEnter((*rt.Life)(of))
	if d == nil {
		var err error
		if d, err = wait.Enter(ctx, (*rt.Life)(of)); err != nil {
			return err
		}
	}
	if m.state.CompareAndSwap(rt.Free(), mxLocked) {
		return nil
	}
	if m.tryLock() {
		m.holder.Store(d)
		return nil
	}
	return m.join(ctx, d, false)
}

// TryLock locks m if it is free, and reports whether it did. It never waits.
func (m *Mutex) TryLock() bool {
	return m.state.Load() == 0 && m.state.CompareAndSwap(rt.Free(), mxLocked) || m.tryLockSlow()
}

// tryLockSlow is TryLock for a mutex that is locked, or has waiters.
func (m *Mutex) tryLockSlow() bool {
	point()
	return m.tryLock()
}

// tryLock is TryLock for callers that hold another lock, or have passed a yield point.
func (m *Mutex) tryLock() bool {
	free, locked := m.tryFree()
	return locked || free && m.tryNoted()
}

// tryFree is tryLock while locks are not watched. Otherwise it only reports whether m is free.
func (m *Mutex) tryFree() (free, locked bool) {
	for {
		s := m.state.Load()
		if s&mxLocked != rt.Free() {
			return s&mxLocked == 0, false
		}
		if m.state.CompareAndSwap(s, s|mxLocked) {
			return true, true
		}
	}
}

// Unlock unlocks m. It panics if m is not locked.
func (m *Mutex) Unlock() {
	if !m.state.CompareAndSwap(rt.SlowOne, 0) { // from mxLocked
		m.unlockSlow()
	}
}

func (m *Mutex) lockSlow() {
	point()
	// This repeats tryLock, which does not inline.
	if free, locked := m.tryFree(); locked || free && m.tryNoted() {
		// The last holder is often the caller, and checking that costs less than looking the caller
		// up.
		if h := m.holder.Load(); h == nil || !h.IsCurrent() {
			m.holder.Store(rt.Current())
		}
		return
	}
	ctx, d := callerUncancelled()
	_ = m.join(ctx, d, true) // a hard wait returns no error
}

// join takes the mutex for d, or for a goroutine if d is nil, and waits if it must. If hard is set,
// the end of ctx does not end the wait.
func (m *Mutex) join(ctx context.Context, d *rt.Task, hard bool) error {
	m.mu.Lock()
	if m.takeOrFlag(mxQueued, 0) {
		m.note(d)
		m.mu.Unlock()
		return nil
	}
	if rt.Slow != 0 {
		d.WaitsFor(m.holder.Load)
	}
	w := mutexWaiters.take(ctx, d, m)
	w.Reason = rt.WaitMutex
	m.queue.Push(w)
	for {
		m.mu.Unlock()
		handed, _, err := mutexWaiters.await(w, hard)
		if err != nil || handed {
			return err
		}
		// Unlock woke this waiter without the mutex, so it competes with running callers.
		m.mu.Lock()
		if m.takeOrFlag(mxStarved|mxQueued, mxWoken) {
			m.note(d)
			m.clearFlags()
			m.mu.Unlock()
			return nil
		}
		if h := m.holder.Load(); h != nil && h.State() != rt.Running {
			m.handoffs = handoffBurst
		}
		w = mutexWaiters.take(ctx, d, m)
		w.Reason = rt.WaitMutex
		m.queue.PushFront(w)
	}
}

// takeOrFlag takes the mutex and returns true. If the mutex is locked, takeOrFlag sets the bits in
// set, so that Unlock takes its slow path, and returns false. Either way it clears the bits in
// clear. The caller holds mu. Unlock's fast path succeeds only while mxLocked is the only bit. So
// either the present holder's Unlock sees the bits, or takeOrFlag finds the mutex free.
func (m *Mutex) takeOrFlag(set, clear uint32) bool {
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

// clearFlags clears mxQueued and mxStarved if no waiter is queued and none is on its way. The
// caller holds mu.
func (m *Mutex) clearFlags() {
	if m.queue.First == nil && m.state.Load()&mxWoken == 0 {
		m.state.And(^uint32(mxQueued | mxStarved))
	}
}

// unlock is Unlock for callers that hold another lock, or have passed a yield point.
func (m *Mutex) unlock() {
	if !m.state.CompareAndSwap(mxLocked, 0) {
		m.unlockQueued()
	}
}

func (m *Mutex) unlockSlow() {
	point()
	m.unlockQueued()
}

// unlockQueued is Unlock for a mutex that has waiters, or is not locked.
func (m *Mutex) unlockQueued() {
	// While a woken waiter is on its way, Unlock has nothing to do for the queue. That waiter
	// changes state by CAS, either to flag it or to take m. So either this CAS fails, or the waiter
	// sees that m is free.
	for s := m.state.Load(); s&(mxLocked|mxWoken) == mxLocked|mxWoken; s = m.state.Load() {
		if m.state.CompareAndSwap(s, s&^(mxLocked|mxNoted)) {
			return
		}
	}
	m.mu.Lock()
	s := m.state.Load() // from here on only mxLocked can change, and only by an Unlock too many
	switch {
	case s&mxLocked == 0:
		m.mu.Unlock()
		panic("tsync: Unlock of a Mutex that is not locked")
	case m.queue.First == nil || s&mxWoken != 0:
		m.state.And(^uint32(mxLocked | mxNoted))
		m.clearFlags()
		m.mu.Unlock()
		return
	}
	h := m.holder.Load()
	w := m.queue.Pop()
	w.v = s&mxStarved != 0 || m.handoffs > 0
	if w.v { // the mutex stays locked and now belongs to w
		m.handoffs = max(m.handoffs-1, 0)
		m.state.And(^uint32(mxStarved | mxNoted))
		d := w.Task()
		if rt.Watched() {
			m.grant(d)
		}
		m.holder.Store(d)
		m.clearFlags()
	} else {
		m.state.Store(mxQueued | mxWoken)
	}
	m.mu.Unlock()
	w.Wake(h) // the caller is usually the holder, which saves looking the caller up
}

var _ owner[bool] = (*Mutex)(nil)

// withdraw implements owner.
func (m *Mutex) withdraw(w *waiter[bool]) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := m.queue.First == w
	if !w.Leave() {
		return false
	}
	if first {
		m.state.And(^uint32(mxStarved))
	}
	m.clearFlags()
	return true
}
