package parallel

import (
	"runtime"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Func is a function that can be forked, with the frames for its calls, pooled for each worker.
// Make one with [Define], once for each function, and keep it in a package variable; or see [Recursive]. It must not be copied.
//
// Frames at rest are in two places. Where a join has just taken one back from the fork deque, it is left
// lying above the deque's bottom, and the next fork at that depth finds it there: so a recursion needs no pool. The pools have
// the others: those of stolen calls, and those that a call of another Func has displaced.
type Func[A, R any] struct {
	_  noCopy
	fn func(c *task.Ctx, a A) R
	_  [120]byte // all workers read fn, each writes its pool

	// pools has one pool for each worker, by rt.Worker.Index. That is nobody else's, so
	// the pool needs no synchronisation. Workers beyond have none: their frames are
	// left to the garbage collector.
	pools [maxPools]pool[A, R]
}

// noCopy has go vet report copies of what has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

const maxPools = 64

// A pool is a stack of free frames, for one worker.
type pool[A, R any] struct {
	free []*Call[A, R]
	_    [104]byte // two cache lines in all, as processors fetch them in pairs
}

// Call is one forked call of a [Func], to be joined by the task that forked it.
type Call[A, R any] struct {
	frame rt.Frame
	f     *Func[A, R]
	fn    func(c *task.Ctx, a A) R // f.fn
	arg   A
	res   R
}

// A body is a Call as its frame sees it.
type body[A, R any] Call[A, R]

// Define makes fn forkable. If fn does not refer to the Func, that can be made where it is declared, as a package variable or a
// local one:
//
//	var render = parallel.Define(func(c *task.Ctx, t tile) image.Image { ... })
//
// A recursive function refers to the Func that Define returns. Go does not let the declaration of a package variable refer to
// itself in this way, so the Func has to be assigned in an init function; or use [Recursive].
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

// Recursive is [Define] for a recursion that needs neither a package variable nor init. It calls of once, which is given the Func and
// returns its function:
//
//	fib := parallel.Recursive(func(fib *parallel.Func[int, int]) func(c *task.Ctx, n int) int {
//		return func(c *task.Ctx, n int) int {
//			if n < 2 {
//				return n
//			}
//			x := fib.Fork(c, n-1)
//			y := fib.Call(c, n-2)
//			return x.Join(c) + y
//		}
//	})
//
// A call costs about a nanosecond more than with Define, because the function is a closure that reaches itself through the Func: a
// fork of this fib takes 12.9 ns, that of Define's 11.3 (BenchmarkRecursive). of must not call or fork the Func.
func Recursive[A, R any](of func(f *Func[A, R]) func(c *task.Ctx, a A) R) *Func[A, R] {
	if of == nil {
		panic("parallel: Recursive with a nil function")
	}
	f := new(Func[A, R])
	// Rejected: of as a function of three arguments, the Func, c and a. It would be called through a closure each time, for 15.0 ns.
	if f.fn = of(f); f.fn == nil {
		panic("parallel: Recursive with a function that returns nil")
	}
	return f
}

// Call calls the function, as the task c, without forking. It is a plain call, so its panics come as they are.
func (f *Func[A, R]) Call(c *task.Ctx, a A) R { return f.fn(c, a) }

// Fork offers the call of the function with a to idle workers and returns at once. Join gets
// its result. If nobody takes the call in the meantime, Join makes it itself. Fork must be called
// by the running task c, which must join the call before it ends.
//
// Fork neither parks the task nor blocks. It costs a few nanoseconds and, once the
// worker's pool of frames has grown to the depth of the recursion, no allocation. a is copied
// once; make it a pointer if it is large.
func (f *Func[A, R]) Fork(c *task.Ctx, a A) *Call[A, R] {
	if rt.Verify {
		verify(c, "Fork")
	}
	d := (*rt.Task)(c)
	w := d.Worker()
	if g := w.Forks.Leftover(); g != nil {
		if x, ok := g.Body.(*body[A, R]); ok && x.f == f {
			x.arg = a
			if !w.Forks.PushLeftover() {
				push(d, &x.frame)
			}
			return (*Call[A, R])(x)
		}
	}
	return f.forkSlow(c, a)
}

// verify panics if the caller does not run as c.
func verify(c *task.Ctx, op string) {
	if c == nil {
		panic(nilCtx)
	}
	if !(*rt.Task)(c).IsCurrent() {
		if me, _ := task.Current(); me != c {
			panic("parallel: " + op + " with the Ctx of another task than the caller: each task uses the c that its own function was given")
		}
	}
}

// push is the slow path of the queue. It is a yield point: the monitor makes the fork
// of a task that has outrun its quantum come here.
//
//go:noinline
func push(d *rt.Task, x *rt.Frame) {
	h := d.Host()
	if d.Worker().PushFrame(d, x) {
		h.Hungry()
	}
	if d.Poll() {
		h.Poll(d)
	}
}

//go:noinline
func (f *Func[A, R]) forkSlow(c *task.Ctx, a A) *Call[A, R] {
	verify(c, "Fork")
	d := (*rt.Task)(c)
	w := d.Worker()
	w.Forks.Reserve(1) // then what Leftover sees is one, or nil
	x := f.take(w)
	x.arg = a
	push(d, &x.frame)
	return x
}

// take gets a frame at rest, or a new one, to be pushed next on w.
func (f *Func[A, R]) take(w *rt.Worker) *Call[A, R] {
	if g := w.Forks.Leftover(); g != nil {
		if x, ok := g.Body.(*body[A, R]); ok && x.f == f {
			return (*Call[A, R])(x)
		}
		g.Body.Displaced(w)
	}
	if w.Index < maxPools {
		p := &f.pools[w.Index]
		if last := len(p.free) - 1; last >= 0 {
			x := p.free[last]
			p.free[last] = nil
			p.free = p.free[:last]
			return x
		}
	}
	x := &Call[A, R]{f: f, fn: f.fn}
	x.frame.Body = (*body[A, R])(x)
	return x
}

// Join returns the result of the call. If nobody has started it, Join makes the call itself,
// as part of the task; if another worker is at it, Join parks the task until that is done.
// Cancellation does not end the wait: the call may use what its parent has on its stack.
//
// If the call panicked, wherever it was made, Join panics with a [*task.PanicError] that has the value and the
// stack. By then what the call had forked has ended, and so has whatever else the task has forked and others
// had started when the panic came. What nobody had started stays forked: a task that recovers may join it.
//
// If the call was ended by runtime.Goexit, so is the joining task, wherever the call was made, after the same calls have ended.
// So testing.T.FailNow, and testify's require, may be used in it.
//
// Each call is to be joined exactly once, by the task that forked it. Join panics if it sees
// that it is not.
func (x *Call[A, R]) Join(c *task.Ctx) R {
	if rt.Verify {
		verify(c, "Join")
	}
	d := (*rt.Task)(c)
	w := d.Worker()
	if !w.Forks.TakeBackIf(&x.frame) {
		return x.joinSlow(c)
	}
	mark := w.Forks.PrivateLen() + d.Exposed()
	a := x.arg
	var zero A
	x.arg = zero // a frame at rest keeps nothing alive
	// The deferred call costs a nanosecond; to call recover in it each time, rather than to look at in first, 5 more.
	in := c // nil once the call has returned
	defer func() {
		if in != nil && !passesThrough(in, mark) {
			raise(in, mark, recover())
		}
	}()
	r := x.fn(c, a)
	in = nil
	return r
}

// takeBack is the part of Join before the call, if nobody may have started that. It reports false, and has done nothing, if
// there is more to do.
func (x *Call[A, R]) takeBack(c *task.Ctx) (a A, ok bool) {
	if !(*rt.Task)(c).Worker().Forks.TakeBackIf(&x.frame) {
		return a, false
	}
	var zero A
	a, x.arg = x.arg, zero
	return a, true
}

//go:noinline
func (x *Call[A, R]) joinSlow(c *task.Ctx) R {
	verify(c, "Join")
	d := (*rt.Task)(c)
	x.check(d)
	if ok, pooled := d.Worker().Take(d, &x.frame); ok {
		a := x.arg
		var zero A
		x.arg = zero
		x.frame.Parent = nil
		if pooled {
			x.giveBack(d.Worker())
		}
		return x.call(c, a)
	}
	if x.frame.Await() {
		d.AwaitWake()
	}
	r, err := x.res, x.frame.Err
	var zero R
	x.res = zero
	var none A
	x.arg = none
	x.frame.Rest()
	x.giveBack(d.Worker())
	if err != nil {
		d.AwaitStarted()
		if err == task.ErrGoexit {
			runtime.Goexit() // as if the call had been made here
		}
		panic(panicErrorOf(err))
	}
	return r
}

// call makes the call, as Join does where it has no time for a further function.
func (x *Call[A, R]) call(c *task.Ctx, a A) R {
	mark := (*rt.Task)(c).Outstanding()
	in := c
	defer func() {
		if in != nil && !passesThrough(in, mark) {
			raise(in, mark, recover())
		}
	}()
	r := x.fn(c, a)
	in = nil
	return r
}

// check panics if x is not a call that d has to join. A frame has a parent from when others may see it until it is joined.
// Until then it is private, and so on the worker that runs its parent.
func (x *Call[A, R]) check(d *rt.Task) {
	switch {
	case x.frame.Parent == d, x.frame.Parent == nil && d.Worker().Private(&x.frame):
	case x.frame.Parent == nil:
		panic("parallel: Join of a call that was joined before, or Join by another task than the one that forked: join each Fork exactly once, in the task that forked it")
	default:
		panic("parallel: Join by another task than the one that forked: let the forking task join, and pass the result on")
	}
}

// giveBack pools the frame, which is at rest.
func (x *Call[A, R]) giveBack(w *rt.Worker) {
	if w.Index >= maxPools {
		return
	}
	p := &x.f.pools[w.Index]
	if len(p.free) == maxFree {
		return
	}
	if p.free == nil {
		w.Trims(p)
	}
	p.free = append(p.free, x)
}

// Forget implements rt.Keeper.
func (p *pool[A, R]) Forget() { p.free = nil }

// maxFree bounds what a worker pools: where calls are forked on one worker and joined on another, time and again, one makes what the
// other is given.
const maxFree = 1 << 16

// RunStolen implements rt.Body.
func (x *body[A, R]) RunStolen(d *rt.Task) { x.res = x.fn((*task.Ctx)(d), x.arg) }

// Displaced implements rt.Body.
func (x *body[A, R]) Displaced(w *rt.Worker) { (*Call[A, R])(x).giveBack(w) }
