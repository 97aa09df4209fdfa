package rt

import "context"

// A Handle is a task: a descriptor in one life. It is what task.Task is. The zero Handle is of no task.
type Handle struct {
	d   *Task
	gen uint32
}

// HandleOf returns the handle of life gen of d.
func HandleOf(d *Task, gen uint32) Handle { return Handle{d, gen} }

// Task returns the descriptor, which may serve another task by now, or nil.
func (h Handle) Task() *Task { return h.d }

// Gen returns the life.
func (h Handle) Gen() uint32 { return h.gen }

// Tasks is what package task has for package scheduler, and sets.
var Tasks struct {
	// Refused returns a handle that is done with the given error: of a task that was not accepted.
	Refused func(err error) Handle
	// Extra turns the options of a submission, a []task.Option, into what the descriptor gets. parent, which may be nil, is as by
	// task.Parent.
	Extra func(parent context.Context, opts any) *Extra
}
