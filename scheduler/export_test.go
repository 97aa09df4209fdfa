package scheduler

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// Admit is what package task submits by.
func (s *Scheduler) Admit(waitCtx context.Context, fn any, x *rt.Extra) (*rt.Task, uint32, error) {
	return (*rtScheduler)(s).Admit(waitCtx, fn, x)
}

// PendingTimers returns how many timers are armed, and how many are queued, which includes disarmed
// ones.
func (s *Scheduler) PendingTimers() (armed, queued int) {
	armed = s.timers.Len()
	return armed, s.timers.Size()
}

// ReadyGoroutines returns how many goroutines workers have made ready that have not run since. Live
// returns how many tasks and jobs have not ended.
func (s *Scheduler) ReadyGoroutines() int64 { return int64(s.shared.ReadyGoroutines.Load()) }

func (s *Scheduler) Live() int64 { return s.live.Load() }

// HandOut does what sysmon does if the first worker's task has not given way for long, or the
// system has held up that worker's thread for as long.
func (s *Scheduler) HandOut() { s.freeBehind(s.workers()[0]) }

// ChainLook is the number of dispatches of a chain between two looks at the clock, and MaxChain the
// most dispatches of a chain. MaxPassed is how many turns in a row the oldest child is passed up.
const (
	ChainLook = chainLook
	MaxChain  = maxChain
	MaxPassed = maxPassed
)
