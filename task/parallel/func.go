package parallel

import (
	"fmt"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Func is a function that can be forked, with the frames for its calls, pooled for each worker.
// Make one with [Define], once for each function, and keep it in a package variable.
type Func[A, R any] struct {
	fn func(c *task.Ctx, a A) R
	_  [120]byte // all workers read fn, each writes its pool

	// pools has one pool for each worker, by rt.Worker.Index. That is nobody else's, so
	// the pool needs no synchronisation. Workers beyond have none: their frames are
	// left to the garbage collector.
	pools [maxPools]pool[A, R]
}

const maxPools = 64

// A pool is a stack of free frames, for one worker. What lies above n is dead.
//
// The pointers there stay, so that a join that gives back the frame which the fork took, as is
// usual, finds it in its place and need not store it.
type pool[A, R any] struct {
	free []*Call[A, R]
	n    int
	_    [96]byte // two cache lines in all, as processors fetch them in pairs
}

// Call is one forked call of a [Func], to be joined by the task that forked it.
type Call[A, R any] struct {
	rt.Frame
	f   *Func[A, R]
	arg A
	res R
}

// Define makes fn forkable. A recursive function refers to the Func that Define
// returns, so that has to be assigned in an init function:
//
//	var fib *parallel.Func[int, int]
//
//	func init() { fib = parallel.Define(fibBody) }
//
//	func fibBody(c *task.Ctx, n int) int {
//		if n < 2 {
//			return n
//		}
//		x := fib.Fork(c, n-1)
//		y := fibBody(c, n-2)
//		return x.Join(c) + y
//	}
func Define[A, R any](fn func(c *task.Ctx, a A) R) *Func[A, R] {
	if fn == nil {
		panic("parallel: Define with a nil function")
	}
	return &Func[A, R]{fn: fn}
}

// Call calls the function, as the task c, without forking.
func (f *Func[A, R]) Call(c *task.Ctx, a A) R { return f.fn(c, a) }

// Fork offers the call of the function with a to idle workers and returns at once. Join gets
// its result. If nobody takes the call in the meantime, Join makes it itself. Fork must be called
// by the running task c, which must join the call before it ends.
//
// Fork neither parks the task nor blocks. It costs a few nanoseconds and, once the
// worker's pool of frames has grown to the depth of the recursion, no allocation. a is copied
// once; make it a pointer if it is large.
func (f *Func[A, R]) Fork(c *task.Ctx, a A) *Call[A, R] {
	d := (*rt.Desc)(c)
	w := d.Worker()
	i := w.Index
	if uint(i) >= maxPools {
		return f.forkSlow(c, a)
	}
	p := &f.pools[i]
	n := p.n - 1
	if uint(n) >= uint(len(p.free)) {
		return f.forkSlow(c, a)
	}
	p.n = n
	x := p.free[n]
	x.arg = a
	x.Forked = true
	if !w.Forks.TryPushPrivate(&x.Frame) {
		push(d, &x.Frame)
	}
	return x
}

// push is the slow path of the queue. It is a yield point: the monitor makes the fork
// of a task that has outrun its quantum come here.
//
//go:noinline
func push(d *rt.Desc, x *rt.Frame) {
	h := d.Host()
	if d.Worker().PushFrame(d, x) {
		h.Hungry()
	}
	if d.Flag.Poll() {
		h.Poll(d)
	}
}

// forkSlow makes a new frame, and adds it to the worker's pool if it has one.
//
//go:noinline
func (f *Func[A, R]) forkSlow(c *task.Ctx, a A) *Call[A, R] {
	d := (*rt.Desc)(c)
	d.Host() // panics if the task does not run
	x := &Call[A, R]{f: f}
	x.Body = x
	i := d.Worker().Index
	if i >= maxPools {
		x.arg = a
		x.Forked = true
		push(d, &x.Frame)
		return x
	}
	p := &f.pools[i]
	// One place for each frame there is, so that all can be given back.
	p.free = append(p.free, nil)
	p.free[p.n] = x
	p.n++
	return f.Fork(c, a)
}

// Join returns the result of the call. If nobody has started it, Join makes the call itself,
// as part of the task; if another worker is at it, Join parks the task until that is done.
// Cancellation does not end the wait: the call may use what its parent has on its stack.
//
// If the call was made by another worker and panicked there, Join panics with a
// [*task.PanicError] that has the value and the stack. A call that Join makes itself panics as any
// call does. [task.Task.Wait] and [Run] report both as *task.PanicError.
//
// Each call is to be joined exactly once, by the task that forked it. Join panics if it sees
// that it is not.
func (x *Call[A, R]) Join(c *task.Ctx) R {
	d := (*rt.Desc)(c)
	w := d.Worker()
	if !w.Forks.TakeBackIf(&x.Frame) {
		return x.joinSlow(c)
	}
	f := x.f
	a := x.arg
	var zero A
	x.arg = zero // a pooled frame keeps nothing alive
	x.Forked = false
	if i := w.Index; uint(i) < maxPools {
		p := &f.pools[i]
		if n := p.n; uint(n) < uint(len(p.free)) {
			if p.free[n] != x {
				p.free[n] = x
			}
			p.n = n + 1
		}
	}
	return f.fn(c, a)
}

//go:noinline
func (x *Call[A, R]) joinSlow(c *task.Ctx) R {
	d := (*rt.Desc)(c)
	d.Host() // panics if the task does not run
	x.check(d)
	if ok, pooled := d.Worker().Take(d, &x.Frame); ok {
		x.Forked = false
		f, a := x.f, x.arg
		var zero A
		x.arg = zero
		if pooled {
			x.Parent = nil
			x.giveBack(d.Worker())
		}
		return f.fn(c, a)
	}
	if x.Await() {
		d.AwaitWake()
	}
	res, err := x.res, x.Err
	x.Forked = false
	var zero R
	x.res = zero
	var none A
	x.arg = none
	x.Rest()
	x.giveBack(d.Worker())
	if err != nil {
		rethrow(err)
	}
	return res
}

func (x *Call[A, R]) check(d *rt.Desc) {
	if !x.Forked {
		panic("parallel: Join of a call that was joined before: join each Fork exactly once")
	}
	// A frame has a parent once others may have seen it. Until then it is private, and so on the worker
	// that runs its parent.
	if x.Parent != d && (x.Parent != nil || !d.Worker().Private(&x.Frame)) {
		panic("parallel: Join by another task than the one that forked: let the forking task join, and pass the result on")
	}
}

// giveBack pools the frame.
func (x *Call[A, R]) giveBack(w *rt.Worker) {
	if w.Index >= maxPools {
		return
	}
	p := &x.f.pools[w.Index]
	if p.n == len(p.free) {
		p.free = append(p.free, nil)
	}
	p.free[p.n] = x
	p.n++
}

// RunStolen implements rt.Body.
func (x *Call[A, R]) RunStolen(d *rt.Desc) { x.res = x.f.fn((*task.Ctx)(d), x.arg) }

// rethrow makes the failure of a call that another worker made the joiner's.
func rethrow(err error) {
	pe, ok := err.(*task.PanicError)
	if !ok {
		pe = &task.PanicError{Value: err, Stack: []byte(fmt.Sprintf("[the call ended with %v]\n", err))}
	}
	panic(pe)
}
