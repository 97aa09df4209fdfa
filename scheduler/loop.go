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

// A loopFiber is a fiber with the loop that runs tasks on it, one after the other. A task that never
// suspends is a plain call in that loop. If a task suspends, the fiber stays with it, and the worker
// goes on with another fiber.
type loopFiber struct {
	fiber.Fiber
	w *worker // set by the worker that makes it or switches to the loop, and by the loop itself
}

// loopBody returns the body of w's loop fibers. It is one function for all of them, which finds its
// loopFiber in w.born. A function value for each loopFiber would be another object that each waiting
// task keeps alive.
//
// The garbage collector walks the stacks of all tasks that wait, and pays for each frame. So between
// iter.Pull and a task's function there are two frames, and both are needed: loop recovers a panic of the
// function, which ends loop; and the body catches a Goexit, which cannot be stopped.
//
// With a nil yield, the body goes on with the loop of w.born inside a deferred call: see goexit.
func (w *worker) loopBody() func(yield func(struct{}) bool) {
	return func(yield func(struct{}) bool) {
		l := w.born
		w.born = nil
		if yield != nil {
			defer l.End()
		}
		var cur *rt.Task // the last fresh task of this stack
		over := false
		defer func() {
			if over {
				return
			}
			if why, _ := rt.Unwinding(0); why != rt.Exiting {
				l.fault(cur, recover())
			}
			l.goexit(cur)
		}()
		if yield == nil || l.begin(yield) {
			for l.loop(&cur) {
				l.endTask(cur)
			}
		}
		over = true
	}
}

// begin is the first thing that the fiber does, on the worker that has made it. It reports false if the
// fiber has to end.
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

// loop runs tasks until the fiber has to end, and returns false. If the worker quits, loop sleeps until
// the reaper ends the fiber. If the function of a fresh task panics, loop returns true: the failure is in
// the task's Extra, and the caller calls endTask and then loop again. loop stores each fresh task in *cur.
//
// A Goexit passes through, and *cur ends by it. A Goexit during which a deferred call panicked passes
// through as well, although loop recovers that panic. What recover returns does not tell the two apart:
// see rt.Unwinding.
func (l *loopFiber) loop(cur **rt.Task) (failed bool) {
	calling := false // a task's function
	defer func() {
		if !calling {
			return
		}
		if why, _ := rt.Unwinding(0); why == rt.Exiting {
			return
		}
		(*cur).NeedExtra().Err = panicErrorOf(recover())
		failed = true
	}()
	for {
		w := l.w
		d := w.handoff
		if d == nil {
			d = w.find()
		}
		w.handoff = nil
		switch {
		case d == nil: // quit
			l.sleep(w, w.base)
		case d.Fib() != nil:
			w.begin(d)
			l.sleep(w, d.Fib())
		case w.skips(d):
			w.skip(d)
			continue
		default:
			w.Fib.Store(&l.Fiber)
			w.begin(d)
			*cur = d
			l.Data = unsafe.Pointer(d)
			calling = true
			if x := d.Extra(); x.HasContext() {
				setLabels(d, x)
			}
			switch fn := d.Fn().(type) {
			case func(*task.Ctx):
				d.SetFn(nil) // what only the function holds may go before it returns, as after a go statement
				fn((*task.Ctx)(d))
			case *rt.Frame:
				fn.Body.RunStolen(d)
			default:
				fn.(rt.Runner).Run(d)
			}
			calling = false
			l.endTask(d)
			continue
		}
		if l.Dying() {
			return false
		}
	}
}

// setLabels gives the fiber the labels of d's contexts, or of those of the task whose stolen call d is. If a
// method of such a context panics, the task has no labels: they only show in profiles.
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

// endTask ends task d, which ran here, on the worker on which its function returned.
func (l *loopFiber) endTask(d *rt.Task) {
	var failure error
	if x := d.Extra(); x != nil {
		failure = x.Err
	}
	w := d.Worker().Host.(*worker)
	if w.HasOpenCalls(d) {
		failure = endOpenCalls(d, failure)
		w = d.Worker().Host.(*worker)
	}
	l.w = w
	l.Data = nil
	label.Clear() // before the next task runs here
	w.conclude(d, failure)
}

// endOpenCalls waits for what d's function has begun and not waited for, and returns how d ends. If the
// function returned without joining a forked call, that is a mistake in the program, and d ends with a
// panic.
func endOpenCalls(d *rt.Task, failure error) error {
	n := d.EndOpenCalls()
	if failure != nil || n == 0 {
		return failure
	}
	return &task.PanicError{Value: rt.UnjoinedText(n), Stack: debug.Stack()}
}

// panicErrorOf returns the error for v, which the caller's deferred function has recovered from a panic.
func panicErrorOf(v any) *task.PanicError {
	if v == nil {
		v = new(runtime.PanicNilError) // panic(nil) with GODEBUG=panicnil=1
	}
	if pe, ok := v.(*task.PanicError); ok {
		return pe // a panic that came up from a join has the stack of its origin
	}
	return &task.PanicError{Value: v, Stack: debug.Stack()}
}

// goexit ends task d, whose runtime.Goexit unwinds this stack. A Goexit cannot be stopped. If it left
// the fiber, iter.Pull would raise it again in the fiber that sleeps in this one's slot. So the loop goes
// on from here, inside the deferred call, until the fiber has to end anyway.
//
//go:noinline
func (l *loopFiber) goexit(d *rt.Task) {
	l.Goexits++
	if x := d.NeedExtra(); x.Err == nil {
		// Otherwise a deferred call of the task panicked meanwhile.
		x.Err = task.ErrGoexit
	}
	l.endTask(d)
	if l.Goexits < fiberpool.MaxGoexits {
		l.w.born = l
		l.w.body(nil)
		return
	}
	w := l.w
	l.switchTo(w, actRetire, w.takeFiber(w.handoff)) // what the end of d has handed on runs next
}

// fault ends the process after a panic v that came up outside of a task's function. d is the last task
// that has begun on this stack, or nil.
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
