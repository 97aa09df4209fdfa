package tsync

import (
	"reflect"
	"unsafe"

	"github.com/heddle-go/heddle/internal/rt"
)

// This file is for schedulers whose tasks note what they wait at, and for the locks that note which
// task holds them meanwhile. internal/rt/look.go and internal/rt/watch.go say how that is switched
// on. Without it, nothing here runs.

// A noting is an owner that may know which task holds it.
type noting[T any] interface {
	// heldFor returns the rt.Holder that names the task that has to act before the waiter w can go
	// on.
	heldFor(w *waiter[T]) rt.Holder
}

// noteWait notes what the running task d is about to wait at with w.
func (w *waiter[T]) noteWait(d *rt.Task) {
	at := rt.Awaited{Object: reflect.ValueOf(w.at).UnsafePointer()}
	if o, ok := w.at.(noting[T]); ok {
		at.Holder = o.heldFor(w)
	}
	d.WillWait(w.Reason, at)
}

// noteWait notes that the running task d is about to wait at ch for the reason y.
func (ch *Chan[T]) noteWait(d *rt.Task, y rt.WaitReason) {
	d.WillWait(y, rt.Awaited{Object: unsafe.Pointer(ch)})
}

// handleOf returns the handle of d's present life, or the zero Handle if d is nil.
func handleOf(d *rt.Task) (h rt.Handle) {
	if d != nil {
		h = rt.HandleOf(d, d.Gen())
	}
	return h
}

// ---- Mutex

// note notes that d, or a goroutine if d is nil, has taken m. The caller holds mu.
func (m *Mutex) note(d *rt.Task) {
	m.holder.Store(d)
	if rt.Watched() {
		m.noteLife(d)
	}
}

// grant is the part of note for locks that are watched, if d has waited and is about to be woken.
func (m *Mutex) grant(d *rt.Task) {
	rt.Granted(d)
	m.noteLife(d)
}

// noteLife is the part of note for locks that are watched.
func (m *Mutex) noteLife(d *rt.Task) {
	if d != nil {
		m.life = d.Gen()
	}
	m.state.Or(mxNoted)
}

// tryNoted is tryLock while locks are watched: it also notes the caller.
func (m *Mutex) tryNoted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for {
		s := m.state.Load()
		if s&mxLocked != 0 {
			return false
		}
		if m.state.CompareAndSwap(s, s|mxLocked) {
			m.note(rt.Current())
			return true
		}
	}
}

// heldFor implements noting.
//
//lint:ignore U1000 it is called through noting[T], which the check does not follow
func (m *Mutex) heldFor(*waiter[bool]) rt.Holder { return (*notedMutex)(m) }

type notedMutex Mutex

// Holder implements rt.Holder.
func (n *notedMutex) Holder() rt.Handle {
	m := (*Mutex)(n)
	m.mu.Lock()
	defer m.mu.Unlock()
	d := m.holder.Load()
	if d == nil || m.state.Load()&mxNoted == 0 {
		return rt.Handle{}
	}
	return rt.HandleOf(d, m.life)
}

// ---- RWMutex

// noteCaller notes that the caller has taken rw. Call it on the slow way.
func (rw *RWMutex) noteCaller() {
	if rt.Watched() {
		rw.note(handleOf(rt.Current()))
	} else {
		rw.noted = rt.Handle{}
	}
}

// note notes that the task of h, or a goroutine if h is zero, has taken rw. If other locks of rw
// are held, noted stays only if they are that task's as well. Call it on the slow way.
func (rw *RWMutex) note(h rt.Handle) {
	if s := rw.state.Load() &^ rwQueued; s == rwWriting || s == rwReader {
		rw.noted = h
	} else if rw.noted != h {
		rw.noted = rt.Handle{}
	}
}

// noteGiven is note for a task or goroutine that has waited and is about to be woken.
func (rw *RWMutex) noteGiven(d *rt.Task) {
	if rt.Watched() {
		rt.Granted(d)
		rw.note(handleOf(d))
	} else {
		rw.noted = rt.Handle{}
	}
}

// heldFor implements noting.
//
//lint:ignore U1000 it is called through noting[T], which the check does not follow
func (rw *RWMutex) heldFor(w *waiter[struct{}]) rt.Holder {
	if w.Reason == rt.WaitRLock {
		return (*notedReads)(rw)
	}
	return (*notedWrites)(rw)
}

type (
	notedWrites RWMutex // for a waiting writer
	//lint:ignore U1000 heldFor uses it
	notedReads RWMutex // for a waiting reader
)

// Holder implements rt.Holder.
func (n *notedWrites) Holder() rt.Handle {
	rw := (*RWMutex)(n)
	rw.mu.Lock()
	defer rw.mu.Unlock()
	return rw.noted
}

// Holder implements rt.Holder. If no writer holds the lock, a reader waits because a writer waits.
// Then Holder names the first waiting writer.
//
//lint:ignore U1000 an rt.Holder calls it
func (n *notedReads) Holder() rt.Handle {
	rw := (*RWMutex)(n)
	rw.mu.Lock()
	defer rw.mu.Unlock()
	if w := rw.writeq.First; w != nil && rw.state.Load()&rwWriting == 0 {
		return handleOf(w.Task())
	}
	return rw.noted
}

// ---- Semaphore

// takeNoted is take while locks are watched. Otherwise it returns false.
func (s *Semaphore) takeNoted(n int64) bool {
	if !rt.Watched() || s.size-s.used < n || s.queue.First != nil {
		return false
	}
	s.used += n
	s.note(rt.Current(), n)
	return true
}

// note notes that d, or a goroutine if d is nil, has just taken n units. Call it only while locks
// are watched. The caller holds mu.
func (s *Semaphore) note(d *rt.Task, n int64) {
	if s.used == n {
		s.sole, s.soleUsed = handleOf(d), n
	}
}

// noteGiven is note for a task or goroutine that has waited and is about to be woken.
func (s *Semaphore) noteGiven(d *rt.Task, n int64) {
	if rt.Watched() {
		rt.Granted(d)
		s.note(d, n)
	}
}

// heldFor implements noting.
//
//lint:ignore U1000 it is called through noting[T], which the check does not follow
func (s *Semaphore) heldFor(*waiter[int64]) rt.Holder { return (*notedSemaphore)(s) }

type notedSemaphore Semaphore

// Holder implements rt.Holder.
func (n *notedSemaphore) Holder() rt.Handle {
	s := (*Semaphore)(n)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.used == 0 || s.used != s.soleUsed {
		return rt.Handle{}
	}
	return s.sole
}
