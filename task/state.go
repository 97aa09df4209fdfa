package task

import "github.com/heddle-go/heddle/internal/rt"

// A State says what a task is doing.
type State uint8

// The states of a task. Every task starts as Runnable. It goes from Runnable to Running, and from
// there back to Runnable each time it gives way, or to Waiting each time it waits. It ends as Done.
const (
	Runnable State = iota + 1 // queued, waiting for a worker
	Running                   // on a worker
	Waiting                   // parked until it is woken
	Done                      // ended, by a return, a panic, a Goexit or a cancellation
)

// The states have the values of those in internal/rt.
var _ = [1]struct{}{}[(Runnable^State(rt.Runnable))|(Running^State(rt.Running))|(Waiting^State(rt.Waiting))|(Done^State(rt.Done))]

// String returns "runnable", "running", "waiting" or "done".
func (s State) String() string { return rt.State(s).String() }
