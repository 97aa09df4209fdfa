package scheduler

import "time"

// SetQuantum changes the quantum that [WithQuantum] has set. Tasks notice it at their next yield
// point. It returns an error if d is not from [MinQuantum] to [MaxQuantum]. Any goroutine or task
// may call it at any time. It does not wait.
func (s *Scheduler) SetQuantum(d time.Duration) error {
	s.check()
	if err := checkQuantum("SetQuantum", d); err != nil {
		return err
	}
	s.quantum.Store(d)
	s.mon.SetQuantum(d)
	s.mon.Kick() // the monitor may be pausing for longer than the new quantum
	return nil
}

// SetStallAfter changes the time that [WithStallAfter] has set; 0 turns reports off. It returns an
// error if d is negative. Any goroutine or task may call it at any time. It does not wait.
func (s *Scheduler) SetStallAfter(d time.Duration) error {
	s.check()
	if err := checkStall("SetStallAfter", d); err != nil {
		return err
	}
	s.mon.SetStall(d)
	return nil
}
