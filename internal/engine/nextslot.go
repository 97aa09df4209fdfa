package engine

import (
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A nextSlot holds the task that a worker runs next: one that the running task has made ready or
// started. The worker puts tasks in. The worker and thieves take them out.
//
// seq is odd while the slot is full, and changes with each put and take. So a CAS of seq claims
// only the task that was in the slot when that seq was loaded. The worker writes task only while
// seq is even. So if a thief loads an odd seq, then task, and its CAS from that seq succeeds, it
// has the task that belongs to that seq. (Swapping the pointer would work too, but a swap goes
// through the slow path of the write barrier and costs twice as much.)
type nextSlot struct {
	seq  atomicx.Uint32
	task atomicx.Relaxed[rt.Task]
	// fresh is newChild if the running task has started the task in the slot, and wokenTask if it
	// has woken that task. The worker writes fresh while seq is even. So a reader that has loaded
	// an odd seq reads the value that belongs to that seq's task, or to a task that was put later.
	fresh atomicx.RelaxedUint32
}

// full reports whether there is a task, by one load.
func (s *nextSlot) full() bool { return s.seq.Load()&1 != 0 }

// child reports whether there is a task that was just started. Any goroutine may call it.
func (s *nextSlot) child() bool { return s.full() && s.fresh.Load() == newChild }

// fill stores d with fresh, which is newChild or wokenTask, in the slot, which must be empty. Only
// the worker may call it. It is small enough to inline.
func (s *nextSlot) fill(d *rt.Task, fresh uint32) {
	s.task.Store(d)
	s.fresh.Store(fresh)
	s.seq.Store(s.seq.Load() + 1) // pairs with the load in take and peek: publishes d
}

// put is fill for a slot that may be full. It returns the task that was in the slot, or nil, and
// the fresh that belongs to that. Only the worker may call it.
func (s *nextSlot) put(d *rt.Task, fresh uint32) (old *rt.Task, was uint32) {
	was = s.fresh.Load()
	old = s.take()
	s.fill(d, fresh)
	return old, was
}

// The values of fresh.
const (
	wokenTask uint32 = iota
	newChild
)

// take takes the task out and returns it, or returns nil if there is none. Only the worker may call
// it.
func (s *nextSlot) take() *rt.Task {
	v := s.seq.Load()
	if v&1 == 0 || !s.seq.CompareAndSwap(v, v+1) {
		return nil // empty, or a thief was faster
	}
	return s.task.Load()
}

// peek returns the sequence number of the task in the slot, if there is one.
func (s *nextSlot) peek() (seq uint32, ok bool) {
	v := s.seq.Load()
	return v, v&1 != 0
}

// steal takes the task that peek saw, if it is still there.
func (s *nextSlot) steal(seq uint32) *rt.Task {
	d := s.task.Load()
	if !s.seq.CompareAndSwap(seq, seq+1) {
		return nil
	}
	return d
}
