package scheduler

import (
	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
)

// A nextSlot holds the task that a worker runs next: one that the present task has
// made ready or started. Its worker puts tasks in; the worker and thieves take them out.
//
// seq is odd while the slot is full and changes with each put and take, so a CAS of it
// claims just the task that was seen with it. The worker writes task only while seq is
// even: a thief that read an odd seq and then task, and whose CAS from that seq succeeds,
// has read the task that belongs to it. (A swap of the pointer would do too, but goes
// through the write barrier's slow path: twice the price.)
type nextSlot struct {
	seq  atomicx.Uint32
	task atomicx.Relaxed[rt.Task]
	// fresh is newChild if the task was just started, and wokenTask if it was woken. The worker writes it while seq is even, so a reader
	// that sees an odd seq reads what belongs to that task, or to one that was put later.
	fresh atomicx.RelaxedUint32
}

// full reports whether there is a task. One load.
func (s *nextSlot) full() bool { return s.seq.Load()&1 != 0 }

// child reports whether there is a task that was just started. Any goroutine may ask.
func (s *nextSlot) child() bool { return s.full() && s.fresh.Load() == newChild }

// put stores d, which fresh says to be a newChild or a wokenTask, and returns the
// task that it displaces, or nil. Only the worker may call it.
func (s *nextSlot) put(d *rt.Task, fresh uint32) (old *rt.Task) {
	v := s.seq.Load()
	if v&1 != 0 {
		if s.seq.CompareAndSwap(v, v+1) { // otherwise a thief was faster, with the same result
			old = s.task.Load()
		}
		v++
	}
	s.task.Store(d)
	s.fresh.Store(fresh)
	s.seq.Store(v + 1) // pairs with the load in take and look: publishes d
	return old
}

// What put is told of its task.
const (
	wokenTask uint32 = iota
	newChild
)

// take returns the task, or nil. Only the worker may call it.
func (s *nextSlot) take() *rt.Task {
	v := s.seq.Load()
	if v&1 == 0 || !s.seq.CompareAndSwap(v, v+1) {
		return nil // a thief was faster
	}
	return s.task.Load()
}

// look returns the sequence number of the task in the slot, if there is one.
func (s *nextSlot) look() (seq uint32, ok bool) {
	v := s.seq.Load()
	return v, v&1 != 0
}

// steal takes the task that look saw, if it is still there.
func (s *nextSlot) steal(seq uint32) *rt.Task {
	d := s.task.Load()
	if !s.seq.CompareAndSwap(seq, seq+1) {
		return nil
	}
	return d
}
