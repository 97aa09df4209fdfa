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

// A loopFiber is a fiber with the loop that runs tasks on it, one after the other. A
// task that never suspends is a plain call in that loop. When a task does suspend, the fiber
// stays with it, and the worker goes on with another fiber.
type loopFiber struct {
	fiber.Fiber
	w *worker // set by the worker that makes it or switches to the loop, and by the loop itself
}

// loopBody returns the body of w's loop fibers. It is one function for all of them, which finds its loopFiber in
// w.born, because a function value for each loopFiber is another object that each waiting task keeps alive.
//
// The garbage collector walks the stacks of all tasks that wait, and pays for each frame. So between iter.Pull and a task's
// function there are two frames, and each is needed: a panic of the function is recovered in loop, which ends loop; a
// Goexit, which cannot be stopped, is caught here.
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
				l.finish(cur)
			}
		}
		over = true
	}
}

// begin is what the loopFiber's fiber does first, on the worker that has made it. It reports false if the fiber has to end.
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

// loop runs tasks until the fiber has to end, and returns false; if the worker quits, it sleeps until the reaper ends the
// fiber. If the function of a fresh task panics, loop returns true: the failure is in the task's Extra, and the caller
// finishes the task and calls loop again. loop stores each fresh task in *cur.
//
// A Goexit passes through, and *cur ends by it; so does one in the course of which a deferred call panicked, although the
// panic is recovered here. What recover returns does not tell them apart: see rt.Unwinding.
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
			l.finish(d)
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

// finish ends the task that ran here, on the worker that it ended on.
func (l *loopFiber) finish(d *rt.Task) {
	var failure error
	if x := d.Extra(); x != nil {
		failure = x.Err
	}
	w := d.Worker().Host.(*worker)
	if w.Unsettled(d) {
		failure = settled(d, failure)
		w = d.Worker().Host.(*worker)
	}
	l.w = w
	l.Data = nil
	label.Clear() // before the next task runs here
	w.end(d, failure)
}

// settled waits for what d's function has begun and not waited for, and returns how d ends. If there are forked calls that a
// function which returned did not join, that is a mistake in the program.
func settled(d *rt.Task, failure error) error {
	n := d.Settle()
	if failure != nil || n == 0 {
		return failure
	}
	return &task.PanicError{Value: rt.UnjoinedText(n), Stack: debug.Stack()}
}

// panicErrorOf returns the error for v, which the deferred function of its caller has recovered from a panic.
func panicErrorOf(v any) *task.PanicError {
	if v == nil {
		v = new(runtime.PanicNilError) // panic(nil) with GODEBUG=panicnil=1
	}
	if pe, ok := v.(*task.PanicError); ok {
		return pe // what came up from a join has the stack of its origin
	}
	return &task.PanicError{Value: v, Stack: debug.Stack()}
}

// goexit is where a runtime.Goexit of task d comes by. It unwinds this stack and cannot
// be stopped; let out, it would come up in whoever sleeps in this fiber's slot. So the loop goes on
// from here, inside the deferred call, until the fiber has to end anyway.
//
//go:noinline
func (l *loopFiber) goexit(d *rt.Task) {
	l.Goexits++
	if x := d.NeedExtra(); x.Err == nil {
		// Otherwise a deferred call of the task panicked meanwhile.
		x.Err = task.ErrGoexit
	}
	l.finish(d)
	if l.Goexits < fiberpool.MaxGoexits {
		l.w.born = l
		l.w.body(nil)
		return
	}
	w := l.w
	l.switchTo(w, actRetire, w.takeFiber(w.handoff)) // what the end of d has handed on runs next
}

// fault ends the process after a panic v that came up outside of a task's function, with d or nil as the last fresh task of this stack.
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
