package rt

import "github.com/heddle-go/heddle/internal/atomicx"

// A Call is the state of a function that a goroutine calls for a task. A task that is cancelled leaves the call alone, and waits for it
// only before it ends.
//
//	queued  -> running            Begin   by the goroutine, which then calls the function
//	queued  -> dropped            Leave   by the task: the function is not called
//	running -> returned           Return  by the goroutine, which then has to wake the task from its wait for the call
//	running -> left               Leave   by the task: it goes on, and keeps the call for its end
//	left    -> awaited            Await   by the task: it parks until it is woken
//	running, left, awaited -> ended  End  by the goroutine; it wakes the task if that was awaited
//
// All of them are CASes of one word. So either Return comes before Leave, and the task takes the result; or Leave comes first, and
// then either Await comes before End, and End wakes the task, or Await finds the call ended and the task need not wait. End follows a
// Return that has failed, and a Begin after which the function was not called.
type Call struct {
	state atomicx.Uint32
}

const (
	clQueued = iota
	clRunning
	clReturned
	clDropped
	clLeft
	clAwaited
	clEnded
)

// Begin reports whether the goroutine is to go on with the call.
func (j *Call) Begin() bool { return j.state.CompareAndSwap(clQueued, clRunning) }

// Waited reports whether the task waits for the result of a call that has begun and not returned.
func (j *Call) Waited() bool { return j.state.Load() == clRunning }

// Return reports whether the task takes the result. If so, the caller has to wake it, and the task owns the call.
func (j *Call) Return() bool { return j.state.CompareAndSwap(clRunning, clReturned) }

// Leave reports whether the task that waits for the result may go on without it. If not, it is being woken, or will be when the function
// has returned: with stays, a call that runs is not left.
func (j *Call) Leave(stays bool) bool {
	for {
		s := j.state.Load()
		n := uint32(clLeft)
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
func (j *Call) Await() bool { return j.state.CompareAndSwap(clLeft, clAwaited) }

// End is the last thing that the goroutine does with the call. It reports whether the caller has to wake the task.
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

// LeaveCall notes that d, which runs, has left j, and has to wait for it before it ends. There is only one such call in the life of a
// task, because a task that is cancelled makes none.
func (d *Task) LeaveCall(j *Call) { d.NeedExtra().left = j }
