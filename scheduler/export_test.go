package scheduler

import (
	"context"

	"github.com/heddle-go/heddle/internal/engine"
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

// HandOut does what sysmon does if the first worker's task has not given way for long, or the
// system has held up that worker's thread for as long.
func (s *Scheduler) HandOut() { s.e.HandOut() }

// ChainLook is the number of dispatches of a chain between two looks at the clock, and MaxChain the
// most dispatches of a chain. MaxPassed is how many turns in a row the oldest child is passed up.
const (
	ChainLook = engine.ChainLook
	MaxChain  = engine.MaxChain
	MaxPassed = engine.MaxPassed
)
