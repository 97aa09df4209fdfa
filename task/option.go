package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// Option is an option of one submission.
type Option struct {
	apply func(x *rt.Ext)
}

// Name gives the task a name, which stall reports, panics and dumps show. It
// costs an allocation of about 100 bytes.
func Name(name string) Option {
	return Option{func(x *rt.Ext) { x.Name = name }}
}

func extOf(opts []Option) *rt.Ext {
	if len(opts) == 0 {
		return nil
	}
	x := &rt.Ext{}
	addTo(x, opts)
	return x
}

func addTo(x *rt.Ext, opts []Option) {
	for _, o := range opts {
		if o.apply != nil {
			o.apply(x)
		}
	}
}

// Submission turns the options of a submission into what a scheduler attaches to the
// task's descriptor. It is for package scheduler.
func Submission(parent context.Context, opts []Option) *rt.Ext {
	x := extOf(opts)
	if parent != nil {
		if x == nil {
			x = &rt.Ext{}
		}
		x.Parent = parent
	}
	return x
}

// HandleOf returns the handle of the task that a descriptor serves in life gen; without a descriptor it is
// [Closed]. It is for package scheduler.
func HandleOf(d *rt.Desc, gen uint32) Task {
	if d == nil {
		return Closed()
	}
	return Task{d, gen}
}
