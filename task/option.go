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

// Name gives the task a name. The task's handles, stall reports, panics and dumps show it. The
// option allocates about 100 bytes, and the task's memory of 64 bytes serves no other task
// afterwards.
func Name(name string) Option {
	return Option{func(x *rt.Extra) { x.Name = name }}
}

// Level is a task's priority. The zero Level is Normal.
type Level uint8

// The levels.
const (
	Normal Level = iota // the default
	High                // runs before Normal
	Low                 // runs when a worker has nothing else to do
)

// The levels have the values of those in internal/rt.
var _ = [1]struct{}{}[(Normal^Level(rt.Normal))|(High^Level(rt.High))|(Low^Level(rt.Low))]

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

// Priority gives the task a level for its whole life: at its submission, and each time it becomes
// runnable again. Tasks that it starts do not inherit the level. Calls that it forks do, because
// they are part of the task.
//
// The levels are not a strict order, so no level starves. While high tasks are runnable, a worker
// takes them first, in the order in which they became runnable. After 7 high tasks in a row it
// takes one normal task, if it has one. While low tasks are runnable and the worker has other
// tasks, it gives the low ones one turn in 32. It takes a low task at once if it has no other task,
// and finds none on the other workers. A task that runs in a turn of its level keeps the worker for
// the whole quantum. Otherwise, a task that is not high gives way to a high one at a checkpoint
// within about an eighth of the quantum.
//
// High and low tasks wait in one place for all workers, under a lock. They do not stay with the
// worker that made them runnable. So use levels for a minority of the tasks, and not for tiny ones.
// The option allocates about 150 bytes. It panics if l is not one of the levels.
func Priority(l Level) Option {
	if l > Low {
		panic(fmt.Sprintf("task: Priority(%d): want Normal (0), High (1) or Low (2)", uint8(l)))
	}
	return Option{func(x *rt.Extra) { x.Level = rt.Level(l) }}
}

// Parent puts the task under ctx. When ctx ends, the task is cancelled with the cause of ctx. The
// task's Ctx has the deadline and the values of ctx. The task begins with the profiler labels of
// ctx (see [runtime/pprof.WithLabels]), while a task without a context begins without labels. If
// ctx has already ended, the task's function does not run. The task does not keep ctx from ending,
// and ctx does not wait for the task.
//
// A task can have several parents, for example from two Parent options, from GoContext and from a
// group's context. The first parent that ends cancels the task, the earliest deadline counts, and
// the parent given last is asked first for a value. Parent panics if ctx is nil.
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

// submission turns the options of a submission into the extension that a scheduler attaches to the
// task's descriptor. parent acts like the ctx of [Parent]. It may be nil.
func submission(parent context.Context, opts []Option) *rt.Extra {
	if parent == nil {
		return extraOf(opts)
	}
	x := rt.NewUnder(parent)
	addTo(x, opts)
	return x
}
