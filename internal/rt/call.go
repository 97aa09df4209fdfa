package rt

import "github.com/heddle-go/heddle/internal/atomicx"

// A Call is the state of a blocking function that a goroutine calls for a task. If the task is
// cancelled, it detaches from the call and goes on. It waits for the call only before it ends.
//
//	queued   -> running   Begin   the goroutine, which then calls the function
//	queued   -> dropped   Detach  the task; the function is not called
//	running  -> returned  Return  the goroutine, which then wakes the task from its wait
//	running  -> detached  Detach  the task, which goes on and keeps the call for its end
//	detached -> awaited   Await   the task, which then parks until it is woken
//	running  -> ended     End     the goroutine
//	detached -> ended     End     the goroutine
//	awaited  -> ended     End     the goroutine, which then wakes the task
//
// Each transition is a CAS of one word. If Return comes before Detach, the task takes the result.
// If Detach comes first, Await and End decide: if Await comes before End, End wakes the task;
// otherwise Await finds the call ended, and the task need not wait. The goroutine calls End after a
// Return that failed. It also calls End after a Begin if it did not call the function.
type Call struct {
	state atomicx.Uint32
}

const (
	clQueued = iota
	clRunning
	clReturned
	clDropped
	clDetached
	clAwaited
	clEnded
)

// Begin reports whether the goroutine should go on with the call.
func (j *Call) Begin() bool { return j.state.CompareAndSwap(clQueued, clRunning) }

// Waited reports whether the call has begun, has not returned, and the task waits for the result.
func (j *Call) Waited() bool { return j.state.Load() == clRunning }

// Return is called by the goroutine when the function has returned. It reports whether the task
// takes the result. If so, the caller has to wake the task, and the task owns j from then on.
func (j *Call) Return() bool { return j.state.CompareAndSwap(clRunning, clReturned) }

// Detach reports whether the task, which waits for the result, may go on without it. The task must
// stay if the function has returned, because the goroutine is about to wake the task. If stays is
// set, the task must also stay while the function runs; the goroutine wakes the task afterwards.
func (j *Call) Detach(stays bool) bool {
	for {
		s := j.state.Load()
		n := uint32(clDetached)
		switch s {
		case clReturned:
			return false
		case clQueued:
			n = clDropped
		case clRunning:
			if stays {
				return false
			}
		default:
			return true
		}
		if j.state.CompareAndSwap(s, n) {
			return true
		}
	}
}

// Await reports whether the task has to park until End wakes it.
func (j *Call) Await() bool { return j.state.CompareAndSwap(clDetached, clAwaited) }

// End ends the call. The goroutine calls it last and does not touch j afterwards. End reports
// whether the goroutine has to wake the task.
func (j *Call) End() (wake bool) {
	for {
		s := j.state.Load()
		if s == clReturned || s == clDropped {
			return false
		}
		if j.state.CompareAndSwap(s, clEnded) {
			return s == clAwaited
		}
	}
}

// NoteDetached notes that the running task d has detached from j and has to wait for it before d
// ends. There is at most one such call in the life of a task, because a cancelled task makes no
// more calls.
func (d *Task) NoteDetached(j *Call) { d.NeedExtra().needOpen().detached = j }
