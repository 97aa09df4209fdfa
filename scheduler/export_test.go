package scheduler

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// Admit is what package task submits by.
func (s *Scheduler) Admit(waitCtx context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	return s.e.RT().Admit(waitCtx, fn, x)
}

// PendingTimers returns how many timers are armed, and how many are queued, which includes disarmed
// ones.
func (s *Scheduler) PendingTimers() (armed, queued int) {
	ts := s.e.RT().Timers().(*timers.Set)
	armed = ts.Len()
	return armed, ts.Size()
}
