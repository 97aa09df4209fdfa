package scheduler

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

// A loopFiber is a fiber with the loop that runs one task after the other. A task that never
// suspends is a plain call in that loop. If a task suspends, the fiber stays with it, and the
// worker goes on with another fiber.
type loopFiber struct {
	fiber.Fiber
	w *worker // set by the worker that makes it or switches to the loop, and by the loop itself
}

// loopBody returns the body of w's loop fibers. All of them share one function, which finds its
// loopFiber in w.born. If each loopFiber had a function value of its own, each waiting task would
// keep one more object alive.
//
// The garbage collector walks the stacks of all tasks that wait, and pays for each frame. A task's
// function gets what these frames leave of the 2 KB that a goroutine begins with. So there are only
// two small frames between iter.Pull and a task's function. Both are needed: that of loop recovers
// a panic of the function, which ends loop, and that of the body catches a Goexit, which cannot be
// stopped.
//
// With a nil yield, the body goes on with the loop of w.born inside a deferred call: see goexit.
func (w *worker) loopBody() func(yield func(struct{}) bool) {
	return func(yield func(struct{}) bool) {
		p := progress{l: w.born, nested: yield == nil}
		defer p.leftBody()
		w.born = nil
		if yield == nil || p.l.begin(yield) {
			for p.loop(tagOf(&p.l.Fiber)); p.failed; p.loop(tagOf(&p.l.Fiber)) {
				p.failed = false
				p.l.endTask(p.cur)
			}
		}
		p.over = true
	}
}

// A progress says how far the body of a loopFiber has come, for its deferred calls. It is on the
// fiber's stack, so that a pooled fiber does not pay for it.
type progress struct {
	l       *loopFiber
	cur     *rt.Task // the last task that started on this stack
	nested  bool     // the body runs inside a deferred call: see goexit
	calling bool     // cur's function
	failed  bool     // cur's function has panicked
	over    bool     // the body returns
}

// leftBody is the deferred call of the body. There is only one, because each takes a part of the
// frame. So leftBody itself defers End: a second Goexit, during goexit, must not pass it.
func (p *progress) leftBody() {
	if !p.nested {
		defer p.l.End()
	}
	if p.over {
		return
	}
	if why, _ := rt.Unwinding(0); why != rt.Exiting {
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
	if l.w.pinned {
		runtime.LockOSThread()
	}
	l.w.commit()
	return true
}

// loop runs tasks until the fiber has to end. If the function of a task that started here panics,
// loop returns with p.failed set. Then the failure is in the task's Extra, and the caller calls
// endTask and loop again.
//
// A Goexit passes through, and p.cur ends by it. A Goexit during which a deferred call panicked
// passes through as well, although loop recovers that panic. The result of recover does not tell
// the two apart: see rt.Unwinding.
//
// The tag is there to be printed with the stack.
func (p *progress) loop(_ fiberTag) {
	defer p.leftLoop()
	for p.next() {
		switch fn := p.cur.Fn().(type) {
		case func(*task.Ctx):
			p.cur.SetFn(nil) // fn may drop what it holds before it returns, as with go
			fn((*task.Ctx)(p.cur))
		case *rt.Frame:
			fn.Body.RunStolen(p.cur)
		case rt.Runner:
			fn.Run(p.cur)
		}
		p.calling = false
		p.l.endTask(p.cur)
	}
}

// leftLoop is the deferred call of loop.
func (p *progress) leftLoop() {
	if !p.calling {
		return
	}
	p.calling = false
	if why, _ := rt.Unwinding(0); why == rt.Exiting {
		return
	}
	p.cur.NeedExtra().Err = panicErrorOf(recover())
	p.failed = true
}

// next finds the fresh task that runs next on the fiber, and stores it in p.cur. Meanwhile the
// worker may go on with other fibers, and this one sleeps. next reports false if the fiber has to
// end. If the worker quits, the fiber sleeps until the reaper ends it.
//
//go:noinline
func (p *progress) next() bool {
	l := p.l
	for {
		w := l.w
		d := w.handoff
		if d == nil {
			d = w.find()
		}
		w.handoff = nil
		switch {
		case d == nil: // the worker quits
			l.sleep(w, w.base)
		case d.Fib() != nil: // it was suspended
			if d.Status().Stamped() {
				w.gaugeBegin(d)
			}
			w.begin(d)
			if w.Looks&rt.LookRing != 0 {
				w.ringBegin(d)
			}
			l.sleep(w, d.Fib())
		case w.skips(d):
			w.skip(d)
			continue
		default:
			w.Fib.Store(&l.Fiber)
			if d.Status().Stamped() {
				w.gaugeBegin(d)
			}
			w.begin(d)
			l.Data = unsafe.Pointer(d)
			if x := d.Extra(); x != nil {
				if x.HasContext() {
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

// setLabels gives the fiber the profiler labels of d's contexts. If d is a stolen call, the labels
// are those of the task that forked it. If a method of such a context panics, the task has no
// labels, because they only show in profiles.
func setLabels(d *rt.Task, x *rt.Extra) {
	defer func() { _ = recover() }()
	for x != nil && x.Stolen {
		d = d.Fn().(*rt.Frame).Parent
		x = d.Extra()
	}
	if x.HasContext() {
		pprof.SetGoroutineLabels((*task.Ctx)(d))
	}
}

// endTask ends task d, whose function has returned or failed on this fiber.
func (l *loopFiber) endTask(d *rt.Task) {
	var failure error
	if x := d.Extra(); x != nil {
		failure = x.Err
	}
	w := workerOf(d)
	if w.HasOpenCalls(d) {
		failure = endOpenCalls(d, failure)
		w = workerOf(d)
	}
	if x := d.Extra(); x != nil && x.Look != nil {
		w.endLooked(x)
	}
	l.w = w
	l.Data = nil
	label.Clear() // before the next task runs here
	w.conclude(d, failure)
}

// endOpenCalls waits for the calls that d's function has begun and not waited for, and returns how
// d ends. If the function returned without joining a forked call, the program has a mistake, and d
// ends with a panic.
func endOpenCalls(d *rt.Task, failure error) error {
	n := d.EndOpenCalls()
	if failure != nil || n == 0 {
		return failure
	}
	return &task.PanicError{Value: rt.UnjoinedText(n), Stack: debug.Stack()}
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
// the loop goes on from here, inside the deferred call, until the fiber has to end anyway.
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
		l.w.born = l
		l.w.body(nil)
		return
	}
	w := l.w
	l.switchTo(w, actRetire, w.takeFiber(w.handoff)) // the task that d's end has handed on runs next
}

// fault ends the process after a panic v that came up outside of a task's function. d is the last
// task that has begun on this stack, or nil.
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
