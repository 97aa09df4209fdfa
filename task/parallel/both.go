package parallel

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Both calls the function with a and with b, and returns both results. It makes the call with a
// itself, as part of the task c, and offers the call with b to idle workers meanwhile. If no worker
// takes it, Both makes that call too. If another worker is making it, Both parks the task until it
// has ended. Otherwise Both neither parks nor blocks, and it does not allocate once the worker has
// seen the depth of the recursion. Only the running task c may call it.
//
//	func fibBody(c *task.Ctx, n int) int {
//		if n < 2 {
//			return n
//		}
//		x, y := fib.Both(c, n-1, n-2)
//		return x + y
//	}
//
// For a recursion into two branches, Both takes two thirds of the time of Fork, Call and Join
// (BenchmarkFib with style=both), because it leaves panics to the calls further out. A panic of a
// call that the task makes itself passes through Both unchanged, as through [Func.Call]. The next
// Join, Do, algorithm or Run further out, or the end of the task, makes it a [*task.PanicError]
// with the value and the stack of its origin, after everything that was forked below has ended. If
// another worker has made the call with b, Both itself panics with the PanicError. A
// runtime.Goexit, on any worker, ends the task as with [Call.Join].
//
// So recover around a Join, Do or Run, which give the same in either case, and not around Both. If
// the call with a panics, the call with b is not made, unless another worker has started it. It
// stays forked until a Join, Do or Run further out ends it, and a task that recovers before that
// and ends panics because of the call that was not joined.
func (f *Func[A, R]) Both(c *task.Ctx, a, b A) (ra, rb R) {
	if rt.Verify {
		verify(c, "Both")
	}
	d := (*rt.Life)(c).Task()
	w := d.Worker()
	var here byte
	if !w.Knows((*rt.Life)(c), &here) && !w.Check((*rt.Life)(c), &here) { // as in Fork
		return f.bothSlow(c, a, b)
	}
	g := w.Forks.Leftover()
	if g == nil || !f.owns(g) {
		return f.bothSlow(c, a, b)
	}
	x := f.callOf(g)
	x.arg = b
	if !w.Forks.PushLeftover() {
		push(d, g)
	}
	ra = f.fn(c, a)
	// This is takeBack, which the compiler does not inline here.
	if !d.Worker().Forks.TakeBackIf(g) {
		return ra, x.bothJoin(c)
	}
	b = x.arg
	var zero A
	x.arg = zero
	return ra, f.fn(c, b)
}

//go:noinline
func (f *Func[A, R]) bothSlow(c *task.Ctx, a, b A) (ra, rb R) {
	if f == nil || f.fn == nil {
		panic(zeroFunc)
	}
	verify(c, "Both")
	x := f.Fork(c, b)
	ra = f.fn(c, a)
	if b, ok := x.takeBack(c); ok {
		return ra, f.fn(c, b)
	}
	return ra, x.bothJoin(c)
}

// bothJoin is joinSlow, but it lets a panic of the call pass if it makes the call itself.
//
//go:noinline
func (x *Call[A, R]) bothJoin(c *task.Ctx) R {
	if a, ok := x.claim(c, "Both"); ok {
		return x.fn(c, a)
	}
	return x.await(c)
}
