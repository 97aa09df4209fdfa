package task

import "github.com/heddle-go/heddle/internal/rt"

// State is what a task is doing.
type State uint8

// The states of a task. Every task goes from Runnable to Running, from there back
// or to Waiting as often as it gives way or waits, and ends as Done.
const (
	Runnable = State(rt.Runnable) // queued, waiting for a worker
	Running  = State(rt.Running)  // on a worker
	Waiting  = State(rt.Waiting)  // parked until something wakes it
	Done     = State(rt.Done)     // ended, in whatever way
)

// String returns "runnable", "running", "waiting" or "done".
func (s State) String() string { return rt.State(s).String() }
