package parallel

import (
	"runtime"
	"unsafe"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Func is a function that can be forked. It keeps the memory of its calls for later calls. So make
// only one Func for each function, with [Define], and keep it in a package variable, or use
// [Recursive]. A Func must not be copied.
type Func[A, R any] struct {
	_  noCopy
	fn func(c *task.Ctx, a A) R
	_  [120]byte // keeps fn, which all workers read, away from the pools, which they write

	// A frame at rest is the memory of a call that was joined, kept for a later call. Such frames
	// are in two places. A join that takes a frame back from the fork deque leaves it above the
	// deque's bottom, and the next fork at that depth finds it there. So a recursion needs no pool.
	// The pools have the other frames: those of stolen calls, and those that a call of another Func
	// has displaced.
	//
	// pools has one pool for each worker, by rt.Worker.Index. Only that worker uses the pool, so it
	// needs no synchronisation. Workers with a higher index have no pool, and leave their frames to
	// the garbage collector.
	pools [maxPools]pool[A, R]
}

// noCopy makes go vet report copies of a struct that has it as a field.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

const maxPools = 64

// A pool is a stack of free frames, for one worker.
type pool[A, R any] struct {
	free []*Call[A, R]
	_    [104]byte // fills two cache lines, because processors fetch lines in pairs
}

// Call is one forked call of a [Func]. The task that forked it must join it.
type Call[A, R any] struct {
	frame rt.Frame                 // the first field, because of callOf; its Tag is the Func
	fn    func(c *task.Ctx, a A) R // a copy of the Func's fn
	arg   A
	res   R
}

// A body is a Call as its frame sees it.
type body[A, R any] Call[A, R]

// Define makes fn forkable. If fn does not refer to the Func, the Func can be declared and defined
// in one place, as a package variable or a local one:
//
//	var render = parallel.Define(func(c *task.Ctx, t tile) image.Image { ... })
//
// A recursive function refers to the Func that Define returns. Go does not allow a package
// variable's declaration to refer to itself in this way. So either assign the Func in an init
// function, or use [Recursive].
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

// Recursive is [Define] for a recursion that needs neither a package variable nor init. Recursive
// calls its argument once, with the new Func. The function that the argument returns becomes the
// Func's function:
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
// A call costs about a nanosecond more than with Define, because the function is a closure that
// reaches itself through the Func. A fork of this fib takes 12.9 ns, and a fork of Define's fib
// 11.3 ns (BenchmarkRecursive). of must not call or fork the Func.
func Recursive[A, R any](of func(f *Func[A, R]) func(c *task.Ctx, a A) R) *Func[A, R] {
	if of == nil {
		panic("parallel: Recursive with a nil function")
	}
	f := new(Func[A, R])
	// Rejected: to make of a function of three arguments, the Func, c and a. Each call would go
	// through a closure, and a fork would take 15.0 ns.
	if f.fn = of(f); f.fn == nil {
		panic("parallel: Recursive with a function that returns nil")
	}
	return f
}

const zeroFunc = "parallel: a nil or zero Func has no function to call: make it with Define or Recursive, before it is used"

// Call calls the function as part of the task c, without forking. It is a plain call, so panics
// pass through unchanged.
func (f *Func[A, R]) Call(c *task.Ctx, a A) R {
	if f == nil || f.fn == nil {
		panic(zeroFunc)
	}
	return f.fn(c, a)
}

// Fork offers the call of the function with the argument a to idle workers and returns at once.
// Join returns the call's result. If no worker takes the call in the meantime, Join makes it
// itself. Only the running task c may call Fork, and it must join the call before it ends.
//
// With the c of another task, as a function literal may find one outside of itself, Fork panics. It
// may miss the misuse if that task runs and the Go runtime has just moved its stack. The analyzer
// outerctx of task/heddlevet finds most such calls in the source, and builds with the race detector
// check every caller of Fork, Both and Join.
//
// Fork neither parks the task nor blocks. It costs a few nanoseconds, and no allocation once the
// worker has seen the depth of the recursion. Fork copies a once. If the argument is large, use a
// pointer.
func (f *Func[A, R]) Fork(c *task.Ctx, a A) *Call[A, R] {
	if rt.Verify {
		verify(c, "Fork")
	}
	d := (*rt.Life)(c).Task()
	w := d.Worker()
	var here byte
	if !w.Knows((*rt.Life)(c), &here) {
		return f.forkSlow(c, a, &here)
	}
	if g := w.Forks.Leftover(); g != nil {
		if f.owns(g) {
			x := f.callOf(g)
			x.arg = a
			if !w.Forks.PushLeftover() {
				push(d, g)
			}
			return x
		}
	}
	return f.forkSlow(c, a, &here)
}

// owns reports whether g is the frame of a call of f, which callOf returns then. take gives a frame
// its Func as the tag, so the conversion is right. A type assertion of g.Body has to look up a
// generic type at run time, which takes 1 ns more (BenchmarkFib with style=both).
func (f *Func[A, R]) owns(g *rt.Frame) bool { return g.Tag == unsafe.Pointer(f) }

func (f *Func[A, R]) callOf(g *rt.Frame) *Call[A, R] { return (*Call[A, R])(unsafe.Pointer(g)) }

// verify panics if the caller does not run as the task c.
func verify(c *task.Ctx, op string) {
	if c == nil {
		panic(nilCtx)
	}
	if !(*rt.Life)(c).IsCurrent() {
		if me, _ := task.Current(); me != c {
			panic("parallel: " + op + " with the Ctx of another task than the caller: each task uses the c that its own function was given")
		}
	}
}

// push is the slow path of a fork. It is a yield point: if a task has used up its quantum, sysmon
// makes the task's next fork take this path.
//
//go:noinline
func push(d *rt.Task, x *rt.Frame) {
	h := d.Host()
	if d.Worker().PushFrame(d, x) {
		h.WakeThief()
	}
	if d.Poll() {
		h.Poll(d)
	}
}

// forkSlow is Fork for a caller that the worker does not know, and for a worker that has no frame
// of f at rest. here is in Fork's stack frame.
//
//go:noinline
func (f *Func[A, R]) forkSlow(c *task.Ctx, a A, here *byte) *Call[A, R] {
	if f == nil || f.fn == nil {
		panic(zeroFunc)
	}
	d := (*rt.Life)(c).Task()
	w := d.Worker()
	if !w.Check((*rt.Life)(c), here) {
		verify(c, "Fork") // a goroutine that is a part of the task may fork, too
	} else if g := w.Forks.Leftover(); g != nil && f.owns(g) { // as in Fork
		x := f.callOf(g)
		x.arg = a
		if !w.Forks.PushLeftover() {
			push(d, g)
		}
		return x
	}
	w.Forks.Reserve(1) // so that Leftover returns a frame at rest, or nil
	x := f.take(w)
	x.arg = a
	push(d, &x.frame)
	return x
}

// take returns a frame at rest, or a new one, which the caller must push on w next. Func says where
// frames at rest are.
func (f *Func[A, R]) take(w *rt.Worker) *Call[A, R] {
	if g := w.Forks.Leftover(); g != nil {
		if f.owns(g) {
			return f.callOf(g)
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
	x := &Call[A, R]{fn: f.fn}
	x.frame.Body, x.frame.Tag = (*body[A, R])(x), unsafe.Pointer(f)
	return x
}

// Join returns the result of the call. If no worker has started the call, Join makes it itself, as
// part of the task. If another worker is making the call, Join parks the task until the call has
// ended. Cancellation does not end that wait, because the call may use data on its parent's stack.
//
// If the call panicked, on any worker, Join panics with a [*task.PanicError] that has the value and
// the stack. By then all calls that the call forked have ended. So have all other calls of the task
// that other workers had started when the panic came. Calls that no worker had started stay forked,
// and a task that recovers may join them.
//
// If runtime.Goexit ended the call, on any worker, it also ends the joining task, after the same
// calls have ended. So the call may use testing.T.FailNow and testify's require.
//
// The task that forked a call must join it exactly once. Join panics if it sees a second join, or a
// join by another task.
func (x *Call[A, R]) Join(c *task.Ctx) R {
	if rt.Verify {
		verify(c, "Join")
	}
	d := (*rt.Life)(c).Task()
	w := d.Worker()
	private := w.Forks.PrivateLen() // with x; TakeBackIf computes the same, for half the cost
	if !w.Forks.TakeBackIf(&x.frame) {
		return x.joinSlow(c)
	}
	outstanding := private - 1 + d.Exposed()
	a := x.arg
	var zero A
	x.arg = zero // a frame at rest keeps nothing alive
	// The deferred call costs a nanosecond. If it called recover each time, instead of comparing
	// the variable in with nil first, it would cost 5 more.
	in := c // nil once the call has returned
	defer func() {
		if in != nil && !passesThrough(in, outstanding) {
			raise(in, outstanding, recover())
		}
	}()
	r := x.fn(c, a)
	in = nil
	return r
}

// takeBack is the first half of Join's fast path: it takes back the call if no thief can have seen
// it. If it returns false, it has done nothing, and the caller must use Join.
func (x *Call[A, R]) takeBack(c *task.Ctx) (a A, ok bool) {
	if !(*rt.Life)(c).Task().Worker().Forks.TakeBackIf(&x.frame) {
		return a, false
	}
	var zero A
	a, x.arg = x.arg, zero
	return a, true
}

//go:noinline
func (x *Call[A, R]) joinSlow(c *task.Ctx) R {
	if a, ok := x.claim(c, "Join"); ok {
		return x.call(c, a)
	}
	return x.await(c)
}

// claim claims the call, which may be exposed to thieves. If it returns true, the caller has to
// make the call with the argument a. Otherwise another worker makes the call, and the caller has to
// await it. op names the caller for panics.
func (x *Call[A, R]) claim(c *task.Ctx, op string) (a A, ok bool) {
	verify(c, op)
	d := (*rt.Life)(c).Task()
	x.check(d)
	ok, pooled := d.Worker().Take(d, &x.frame)
	if !ok {
		return a, false
	}
	var zero A
	a, x.arg = x.arg, zero
	x.frame.Forker = nil
	if pooled {
		x.giveBack(d.Worker())
	}
	return a, true
}

// await returns the result of a call that another worker makes, once it has ended.
func (x *Call[A, R]) await(c *task.Ctx) R {
	d := (*rt.Life)(c).Task()
	if x.frame.Await() {
		d.AwaitCall(&x.frame)
	}
	r, err := x.res, x.frame.Err
	var zero R
	x.res = zero
	var none A
	x.arg = none
	x.frame.Reset()
	x.giveBack(d.Worker())
	if err != nil {
		d.AwaitStarted()
		if err == task.ErrGoexit {
			runtime.Goexit() // as if the joiner had made the call
		}
		panic(panicErrorOf(err))
	}
	return r
}

// call makes the call. Join contains the same code, because another function call would cost it too
// much time.
func (x *Call[A, R]) call(c *task.Ctx, a A) R {
	outstanding := (*rt.Life)(c).Task().Outstanding()
	in := c
	defer func() {
		if in != nil && !passesThrough(in, outstanding) {
			raise(in, outstanding, recover())
		}
	}()
	r := x.fn(c, a)
	in = nil
	return r
}

// check panics if x is not a call that d has to join. A frame has a parent from the moment when its
// worker exposes it until it is joined. Before that moment the frame is private to the worker that
// runs its parent.
func (x *Call[A, R]) check(d *rt.Task) {
	switch {
	case x.frame.Forker == d, x.frame.Forker == nil && d.Worker().Private(&x.frame):
	case x.frame.Forker == nil:
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
	p := &(*Func[A, R])(x.frame.Tag).pools[w.Index]
	if len(p.free) == maxFree {
		return
	}
	if p.free == nil {
		w.AddKeeper(p)
	}
	p.free = append(p.free, x)
}

// Forget implements rt.Keeper.
func (p *pool[A, R]) Forget() { p.free = nil }

// maxFree bounds how many frames a worker pools. A bound is needed because a task can fork calls on
// one worker and join them on another, time after time. Then the first worker keeps making frames,
// and the second keeps pooling them.
const maxFree = 1 << 16

// RunStolen implements rt.Body.
func (x *body[A, R]) RunStolen(d *rt.Task) { x.res = x.fn((*task.Ctx)(d.Life()), x.arg) }

// Displaced implements rt.Body.
func (x *body[A, R]) Displaced(w *rt.Worker) { (*Call[A, R])(x).giveBack(w) }
