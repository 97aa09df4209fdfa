package rt

import (
	"unsafe"

	"github.com/heddle-go/heddle/internal/fiber"
)

// Current returns the task that the caller runs as. It returns nil on an ordinary goroutine. It
// also returns nil in the function of a blocking call, even if that function runs on the task's own
// stack. It takes some nanoseconds. Any goroutine may call it.
//
// A fiber's Data is the task whose function is on the fiber's stack, or that task's stand-in: see
// Inside. Only the fiber itself reads and writes it. While a blocking call runs on the task's own
// stack, the task is on no worker (step Spot-E1 in package offload), so Current returns nil.
func Current() *Task {
	if f := fiber.Current(); f != nil {
		if d := (*Task)(f.Data); d != nil && d.running() {
			return d
		}
	}
	return nil
}

// Inside is Current for callers that treat a blocking call as a part of its task. It returns one of
// these:
//
//   - The task whose function is on the calling goroutine's stack. Unlike Current, Inside also
//     returns the task inside a blocking call on the task's own stack.
//   - On a goroutine that calls functions for tasks, a descriptor like that of a stolen call: its
//     function is a *Frame, and the frame's Forker is the task. See [Proxy].
//   - Otherwise nil.
func Inside() *Task {
	if f := fiber.Current(); f != nil {
		return (*Task)(f.Data)
	}
	return nil
}

// Caller returns what Inside returns, and reports whether Current would return the same task.
func Caller() (d *Task, current bool) {
	d = Inside()
	return d, d != nil && d.running()
}

// CallerNear is [Caller]. It looks first at the fiber that runs on the worker of near, because a
// parent that waits for its child is usually there. Then it takes a third of the instructions. near
// may be nil.
func CallerNear(near *Task) (d *Task, current bool) {
	if near != nil {
		if w := near.worker.Load(); w != nil {
			if f := w.Fib.Load(); f != nil && f.RunsOn(fiber.Goroutine()) {
				d = (*Task)(f.Data)
				return d, d != nil && d.running()
			}
		}
	}
	return Caller()
}

// A Proxy stands for a task on the goroutine that calls the functions of the task's blocking calls.
// Usually the task waits meanwhile. The Proxy's descriptor never runs. So [Current] returns nil on
// that goroutine, and [Inside] returns the descriptor. Only that goroutine uses the Proxy.
type Proxy struct {
	d Task
	f Frame
}

// Enter begins the use of p on the calling goroutine. placeholder is a worker that runs nothing.
// The goroutine must call stop before it ends.
func (p *Proxy) Enter(placeholder *Worker) (stop func()) {
	p.d.Init(placeholder)
	p.d.SetFn(&p.f)
	return fiber.Stand(unsafe.Pointer(&p.d))
}

// For makes p stand for d. If d is nil, p stands for no task.
func (p *Proxy) For(d *Task) { p.f.Forker = d }

// IsCurrent reports whether the caller runs as d. It takes three loads and a look at the caller's
// goroutine, so it is for operations that take nanoseconds. It returns false on a goroutine that
// runs as a part of d, as those of task.Pull do; Current returns d there.
//
//go:nosplit
func (d *Task) IsCurrent() bool { return d.RunsOn(fiber.Goroutine()) }

// IsCurrent reports whether the caller runs as c: see Task.IsCurrent. It returns false if the
// caller runs as a later life of the descriptor, or if c is nil.
//
//go:nosplit
func (c *Life) IsCurrent() bool {
	me := fiber.Goroutine()
	d := c.Task()
	if d == nil || !d.RunsOn(me) || !c.is(d.Status()) {
		return false
	}
	return true
}

// RunsOn is IsCurrent for a caller that has called fiber.Goroutine.
func (d *Task) RunsOn(me uintptr) bool {
	w := d.worker.Load()
	return w.Current.Load() == d && w.Fib.Load().RunsOn(me)
}

// Goroutine returns a number that only the calling goroutine has, for RunsOn.
func Goroutine() uintptr { return fiber.Goroutine() }

// MayEnter returns the task of c if the caller runs as c, as IsCurrent reports, and is neither
// marked to yield nor cancelled. Otherwise, and if c is nil, it returns nil.
//
// Operations for which a call is too much ask the same four questions themselves. They ask them in
// a switch, as MayEnter does, because the compiler stores the result of an inlined function that is
// an operand of ||, and then tests it again.
//
//go:nosplit
func (c *Life) MayEnter() *Task {
	me := fiber.Goroutine()
	d := c.Task()
	switch {
	case d == nil, !d.RunsOn(me), d.Poll(), c.Barred(d):
		return nil
	}
	return d
}

// Barred reports whether d, the task of c, was cancelled or serves another life than c.
func (c *Life) Barred(d *Task) bool {
	differs := d.status.Load() ^ uint64(uintptr(unsafe.Pointer(c)))<<flagBits // see Life.is
	return differs&(flagCancelled|(Lives-1)<<flagBits) != 0
}
