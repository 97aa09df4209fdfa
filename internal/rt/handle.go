package rt

import "context"

// A Handle refers to a task, which is one life of a descriptor. Users know it as task.Task. The
// zero Handle refers to no task.
type Handle struct {
	d   *Task
	gen uint32
}

// HandleOf returns the handle of life gen of d.
func HandleOf(d *Task, gen uint32) Handle { return Handle{d, gen} }

// Task returns the descriptor, which may serve another task by now, or nil for the zero Handle.
func (h Handle) Task() *Task { return h.d }

// Gen returns the generation.
func (h Handle) Gen() uint32 { return h.gen }

// Tasks holds the functions of package task that package engine calls. Package task sets them.
var Tasks struct {
	// Refused returns a handle for a task that was not accepted. The handle is done, with the given
	// error.
	Refused func(err error) Handle
	// Extra turns the options of a submission, a []task.Option, into an extension. parent may be
	// nil; otherwise it acts like the option task.Parent.
	Extra func(parent context.Context, opts any) *Extra
}
