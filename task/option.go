package task

import (
	"context"
	"fmt"

	"github.com/heddle-go/heddle/internal/rt"
)

// Option is an option of one submission.
type Option struct {
	apply func(x *rt.Extra)
}

// Name gives the task a name, which its handles, stall reports, panics and dumps show. It
// costs an allocation of about 100 bytes, and the task's descriptor, 64 bytes, serves no other task afterwards.
func Name(name string) Option {
	return Option{func(x *rt.Extra) { x.Name = name }}
}

// Level is a task's priority. The zero Level is Normal.
type Level uint8

// The levels.
const (
	Normal = Level(rt.Normal) // what a task has without an option
	High   = Level(rt.High)   // before normal ones
	Low    = Level(rt.Low)    // when there is nothing else to do
)

// String returns "normal", "high" or "low".
func (l Level) String() string {
	switch l {
	case Normal:
		return "normal"
	case High:
		return "high"
	case Low:
		return "low"
	}
	return fmt.Sprintf("Level(%d)", uint8(l))
}

// Priority gives the task a level, for life: it holds when the task is submitted and each time that it becomes
// runnable again. Tasks that it starts do not inherit it; the calls that it forks are a part of it and do.
//
// The levels are no strict order, and none starves. While high tasks are runnable, a worker takes them first, in the
// order in which they became so, but after 7 of them in a row it gives a turn to a normal task, if it has one. While
// low tasks are runnable and it has others, it gives them one turn in 32; it takes them at once if neither it
// nor, at a stealOnce, another worker has anything else. A task keeps its worker for the whole quantum in such a turn; otherwise one
// that is not high gives way to a high one at a checkpoint within about an eighth of the quantum.
//
// High and low tasks are queued in one place for all workers, under a lock, and do not stay with the worker that made them
// runnable: the levels are for a minority of tasks that are not tiny. The option costs an allocation of about 150 bytes. It
// panics if l is none of the levels.
func Priority(l Level) Option {
	if l > Low {
		panic(fmt.Sprintf("task: Priority(%d): want Normal (0), High (1) or Low (2)", uint8(l)))
	}
	return Option{func(x *rt.Extra) { x.Level = rt.Level(l) }}
}

// Parent puts the task under ctx: the task is cancelled, with the context's cause, when ctx ends, and its Ctx has
// ctx's deadline and values, and begins with ctx's profiler labels (see [runtime/pprof.WithLabels]); a task without a
// context begins with none. If ctx has ended already, the function does not run. The task does not keep ctx from
// ending, and ctx does not wait for it.
//
// Given more than once, also by GoContext or by a group's context, the task belongs to all of them: the first that ends cancels it, the
// earliest deadline counts, and the last one given is the first to be asked for a value. A nil ctx panics.
func Parent(ctx context.Context) Option {
	if ctx == nil {
		panic("task: Parent with a nil context: leave the option out, or use context.Background()")
	}
	return Option{func(x *rt.Extra) { x.Parents = &rt.ParentContext{Context: ctx, Next: x.Parents} }}
}

func extraOf(opts []Option) *rt.Extra {
	if len(opts) == 0 {
		return nil
	}
	x := &rt.Extra{}
	addTo(x, opts)
	return x
}

func addTo(x *rt.Extra, opts []Option) {
	for _, o := range opts {
		if o.apply != nil {
			o.apply(x)
		}
	}
}

// submission turns the options of a submission into what a scheduler attaches to the
// task's descriptor. parent, which may be nil, is as by [Parent].
func submission(parent context.Context, opts []Option) *rt.Extra {
	if parent == nil {
		return extraOf(opts)
	}
	x := &rt.Extra{Parents: &rt.ParentContext{Context: parent}}
	addTo(x, opts)
	return x
}
