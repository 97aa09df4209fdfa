package rt

// A Cause is the reason of a cancellation.
type Cause uint64

// The reasons. With Custom, the caller has stored the user's cause in Extra by SetCause.
const (
	Default Cause = 0
	Closed  Cause = flagClosed
	Custom  Cause = flagCaused
)

// Cancel asks life gen to end. did reports whether this call cancelled the task. queue reports
// whether the caller has to queue the task.
func (d *Task) Cancel(gen uint32, kind Cause) (did, queue bool) {
	for {
		s := d.status.Load()
		if !Status(s).Live(gen) || s&flagCancelled != 0 {
			return false, false
		}
		n := s | flagCancelled | uint64(kind)
		wakes := s&stateMask == stWaiting && s&flagHard == 0
		if wakes {
			n = n - stWaiting + stActive
		}
		if d.status.CompareAndSwap(s, n) {
			return true, wakes
		}
	}
}

// Cause returns the cause of the present life's cancellation, or nil if that life is not cancelled.
// As in Err, the cause is the parameter closed if the scheduler's Close cancelled the task, and the
// parameter cancelled if the canceller gave no cause.
func (d *Task) Cause(cancelled, closed error) error {
	s := d.Status()
	if !s.has(flagCancelled) {
		return nil
	}
	if s.has(flagClosed) {
		return closed
	}
	if s.has(flagCaused) {
		return d.Extra().getCause()
	}
	return cancelled
}
