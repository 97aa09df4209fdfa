package task

import (
	"context"

	"github.com/heddle-go/heddle/internal/rt"
)

// Launch is on.Go(fn, opts...) for those who count on fn: if the task ends without having run fn, since it was cancelled
// before it started or the scheduler is closed, never is called instead. That is called by a worker, or by the
// caller of Launch, and must not wait for anything. Launch panics if on or fn is nil.
//
// With a Starter that is neither a scheduler nor a task's Ctx, each task costs an extra goroutine.
func Launch(on Starter, fn func(c *Ctx), never func(), opts ...Option) Task {
	if fn == nil {
		panic("task: Launch with a nil function")
	}
	l := launcherOf("Launch", on)
	o := &owned{fn: fn, never: never}
	o.Context = context.Background()
	o.ext.Parent = o
	c, _ := on.(*Ctx)
	t := l.start(c, o, opts)
	if t == closedTask {
		never()
	}
	return t
}

// An owned is the child that Launch starts.
type owned struct {
	child
	fn    func(c *Ctx)
	never func()
}

var _ launched = (*owned)(nil)

func (o *owned) run(c *Ctx) { o.fn(c) }

// Skip implements rt.Owner.
func (o *owned) Skip(*rt.Desc) { o.never() }

func (o *owned) skip(error) { o.never() }
