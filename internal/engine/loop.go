package engine

import (
	"runtime"
	"runtime/debug"
	"runtime/pprof"
	"unsafe"

	"github.com/heddle-go/heddle/internal/fiber"
	"github.com/heddle-go/heddle/internal/fiberpool"
	"github.com/heddle-go/heddle/internal/label"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// loopBody returns the body of w's loop fibers. All of them share one function, which finds its
// loopFiber in w.starting. If each loopFiber had a function value of its own, each waiting task
// would keep one more object alive.
//
// The garbage collector walks the stacks of all tasks that wait, and pays for each frame. A
// goroutine begins with 2 KB of stack, and a task's function gets what these frames leave of it. So
// there are only two small frames between iter.Pull and a task's function. Both are needed. The
// deferred call of loop (leftLoop) recovers a panic of the function, and loop returns. The deferred
// call of the body (leftBody) handles a Goexit: because a Goexit cannot be stopped, the loop goes
// on inside that deferred call.
//
// goexit calls the body with a nil yield. Then the body starts no fiber, and goes on with the loop
// of the loopFiber in w.starting.
func (w *worker) loopBody() func(yield func(struct{}) bool) {
	return func(yield func(struct{}) bool) {
		p := progress{l: w.starting, nested: yield == nil}
		defer p.leftBody()
		w.starting = nil
		if yield == nil || p.l.begin(yield) {
			for p.loop(tagOf(&p.l.Fiber)); p.failed; p.loop(tagOf(&p.l.Fiber)) {
				p.failed = false
				p.l.endTask(p.cur)
			}
		}
		p.returning = true
	}
}

// A progress tells the deferred calls of a loopFiber's body how far the body has come. It is on the
// fiber's stack and not in the loopFiber, so that a pooled fiber takes no more memory.
type progress struct {
	l         *loopFiber
	cur       *rt.Task // the last task that started on this stack
	nested    bool     // the body runs inside a deferred call: see goexit
	calling   bool     // cur's function is being called
	failed    bool     // cur's function has panicked
	returning bool     // the body is about to return
}

// leftBody is the body's only deferred call, because a second one would make the body's frame
// larger. So leftBody defers End, which has to run even if a second Goexit unwinds goexit.
func (p *progress) leftBody() {
	if !p.nested {
		defer p.l.End()
	}
	if p.returning {
		return
	}
	if unwind, _ := rt.Unwinding(0); unwind != rt.Exiting {
		p.l.fault(p.cur, recover())
	}
	p.l.goexit(p.cur)
}

// begin is the fiber's first step, on the worker that has made it. It returns false if the fiber
// has to end.
func (l *loopFiber) begin(yield func(struct{}) bool) bool {
	if !l.Start(yield) {
		return false
	}
	l.w.commit()
	return true
}

// loop runs tasks until the fiber has to end. If the function of a task that started here panics,
// loop returns with p.failed set. Then the failure is in the task's Extra, and the caller calls
// endTask and loop again.
//
// A Goexit of the function passes through loop, and leftBody ends p.cur. If a deferred call of the
// function panics during the Goexit, leftLoop recovers the panic, and the Goexit still passes
// through. leftLoop cannot tell a panic from a Goexit by the result of recover: see rt.Unwinding.
//
// The argument is the fiber's tag. Its only use is to be seen in printed stacks.
func (p *progress) loop(_ fiberTag) {
	defer p.leftLoop()
	for p.next() {
	follow:
		switch fn := p.cur.Fn().(type) {
		case func(*task.Ctx):
			p.cur.SetFn(nil) // fn may drop what it holds before it returns, as with go
			fn((*task.Ctx)(p.cur.Life()))
		case *rt.Draft:
			p.cur.SetFn(nil)
			for fn != nil {
				p.calling = true
				fn.Run(p.cur) // the last use of fn, which would make this frame larger
				p.calling = false
				fn = p.again()
			}
		case *rt.Frame:
			fn.Body.RunStolen(p.cur)
		case rt.Runner:
			fn.Run(p.cur)
		}
		p.calling = false
		if d := p.cur; d.Plain() && workerOf(d).children.Len() != 0 && p.follow() {
			p.calling = true
			goto follow
		}
		p.l.endTask(p.cur)
	}
}

// leftLoop is the deferred call of loop.
func (p *progress) leftLoop() {
	if !p.calling {
		return
	}
	p.calling = false
	if unwind, _ := rt.Unwinding(0); unwind == rt.Exiting {
		return
	}
	p.cur.NeedExtra().Err = panicErrorOf(recover())
	p.failed = true
}

// next finds the next task to start on this fiber, and stores it in p.cur. If the worker finds a
// task that has started already, it switches to that task's fiber, and this fiber sleeps in the
// pool until a worker takes it. next returns false if the fiber has to end: fiberpool ends fibers
// that are idle for long, and at the end of the scheduler all of them.
//
//go:noinline
func (p *progress) next() bool {
	l := p.l
	for {
		w := l.w
		d := w.handoff
		if d == nil {
			if d = w.pick(); d == nil || w.searching {
				d = w.find(d)
			}
		}
		w.handoff = nil
		switch {
		case d == nil: // the worker quits or leaves
			l.sleep(w, w.base)
		case d.Fib() != nil: // it was suspended
			if w.noted != 0 {
				w.noteDispatch(d, 0)
			}
			w.begin(d)
			l.sleep(w, d.Fib())
		case w.heeds(d) && w.skipOrNote(d):
			continue
		default:
			w.Fib.Store(&l.Fiber)
			w.begin(d)
			l.Data = unsafe.Pointer(d)
			if x := d.Extra(); x != nil {
				if x.MayHaveLabels() {
					setLabels(d, x)
				}
				if x.Look != nil {
					w.beginLooked(d, x)
				}
			}
			p.cur, p.calling = d, true
			return true
		}
		if l.Dying() {
			return false
		}
	}
}

// sleep pools the loopFiber and switches to the fiber to. When it returns, a worker has taken the
// loopFiber from the pool, or the loopFiber is dying.
func (l *loopFiber) sleep(w *worker, to *fiber.Fiber) {
	if w.fibers.full() {
		w.fibers.makeRoom()
	}
	l.switchTo(w, actPool, to)
}

// switchTo switches from l to to. act says what the successor does with l.
func (l *loopFiber) switchTo(w *worker, act action, to *fiber.Fiber) {
	w.act, w.prevFiber = act, l
	w.Fib.Store(to)
	exchange(w.pinned, &l.Fiber, to)
	if !l.Dying() {
		l.w.commit()
	}
}

// setLabels gives the fiber the profiler labels of d's contexts. If d is a stolen call, the labels
// are those of the task that forked it. If a method of such a context panics, setLabels drops the
// panic and sets no labels, because labels only matter to profiles.
func setLabels(d *rt.Task, x *rt.Extra) {
	defer func() { _ = recover() }()
	for x != nil && x.Stolen {
		d = d.Fn().(*rt.Frame).Forker
		x = d.Extra()
	}
	if x != nil && x.MayHaveLabels() {
		pprof.SetGoroutineLabels((*task.Ctx)(d.Life()))
	}
}

// endTask ends task d, whose function has returned or failed on this fiber.
func (l *loopFiber) endTask(d *rt.Task) {
	w := workerOf(d)
	if w.HasOpenCalls(d) {
		endOpenCalls(d)
		w = workerOf(d)
	}
	l.w = w
	l.Data = nil
	x := d.Extra()
	if x != nil && x.Look != nil {
		w.endLooked(x.Look)
	}
	label.Clear() // before the next task runs here
	if x == nil {
		w.endPlain(d)
		return
	}
	w.conclude(d, x.Err)
}

// endOpenCalls waits for the calls that d's function has begun and not waited for. If the function
// returned without joining a forked call, the program has a mistake, and d ends with a panic.
func endOpenCalls(d *rt.Task) {
	n := d.EndOpenCalls()
	if n == 0 {
		return
	}
	if x := d.NeedExtra(); x.Err == nil {
		x.Err = &task.PanicError{Value: rt.UnjoinedText(n), Stack: debug.Stack()}
	}
}

// panicErrorOf returns the error for v, which the caller's deferred function has recovered.
func panicErrorOf(v any) *task.PanicError {
	if v == nil {
		v = new(runtime.PanicNilError) // panic(nil) with GODEBUG=panicnil=1
	}
	if pe, ok := v.(*task.PanicError); ok {
		return pe // a panic that came up from a join has the stack of its origin
	}
	return &task.PanicError{Value: v, Stack: debug.Stack()}
}

// goexit ends task d, whose runtime.Goexit unwinds this stack. A Goexit cannot be stopped. If it
// left the fiber, iter.Pull would raise it again in the fiber that sleeps in this one's slot. So
// the loop goes on from here, inside the deferred call, until the fiber has to end anyway. Each
// Goexit makes the stack deeper, so after MaxGoexits of them goexit retires the fiber.
//
//go:noinline
func (l *loopFiber) goexit(d *rt.Task) {
	l.Goexits++
	if x := d.NeedExtra(); x.Err == nil {
		// (If Err is set, a deferred call of the task has panicked meanwhile.)
		x.Err = task.ErrGoexit
	}
	l.endTask(d)
	if l.Goexits < fiberpool.MaxGoexits {
		l.w.starting = l
		l.w.body(nil)
		return
	}
	w := l.w
	// The end of d may have set handoff; then that task runs next.
	l.switchTo(w, actRetire, w.takeFiber(w.handoff))
}

// fault ends the process after a panic v that came up on this stack, but outside of a task's
// function. d is the last task that has begun on this stack, or nil.
//
//go:noinline
func (l *loopFiber) fault(d *rt.Task, v any) {
	var t task.Task
	if d != nil {
		t = handleOf(d, d.Gen())
	}
	pe, ok := v.(*task.PanicError)
	if !ok {
		pe = &task.PanicError{Value: v, Stack: debug.Stack()}
	}
	crash(t, pe, ownFault)
}
