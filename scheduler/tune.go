package scheduler

import "time"

// SetQuantum changes what [WithQuantum] has set, at once for tasks at their next yield point. It returns an error if d is not
// from [MinQuantum] to [MaxQuantum]. It may be called from anywhere, at any time, and does not wait.
func (s *Scheduler) SetQuantum(d time.Duration) error {
	s.check()
	if err := checkQuantum("SetQuantum", d); err != nil {
		return err
	}
	s.quantum.Store(d)
	s.mon.SetQuantum(d)
	s.mon.Kick() // it may pause for longer
	return nil
}

// SetStallAfter changes what [WithStallAfter] has set; 0 turns reports off. It returns an error if d is negative. It may be
// called from anywhere, at any time, and does not wait.
func (s *Scheduler) SetStallAfter(d time.Duration) error {
	s.check()
	if err := checkStall("SetStallAfter", d); err != nil {
		return err
	}
	s.mon.SetStall(d)
	return nil
}
