package engine

import (
	"runtime/debug"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// A task ends in four steps, each of which calls the next:
//
//	loopFiber.endTask    waits for the calls that the function has left open, and cleans the fiber
//	worker.conclude      decides how the task ends: returned, failed, or as a stolen call
//	worker.publishEnd    wakes the waiters, and pools the descriptor
//	rt.Task.Finish       changes the status word, and takes the waiters
//
// A task without an extension ends in endPlain instead of the last three, if it can. If a task is
// cancelled before it has begun, skipOrNote calls publishEnd.

// endPlain ends task d, which ran on this worker and has no extension. So d has not failed, and is
// no stolen call. If nothing else is special either, endPlain takes some 100 instructions, where
// conclude takes 170.
func (w *worker) endPlain(d *rt.Task) {
	w.SetCurrent(nil)
	if w.observed || !d.FinishPlain() {
		w.publishEnd(d, rt.Returned)
		return
	}
	w.n.finished++
	waiters := d.TakeWaiters() // (End-F2)
	w.freeTasks.Put(&w.s.taskPool, d)
	if waiters != nil {
		rt.WakeAll(waiters, w.handOn)
	}
}

// conclude ends task d, which ran on this worker and has an extension, with failure or nil. It
// publishes the end and handles a panic.
func (w *worker) conclude(d *rt.Task, failure error) {
	if f, ok := d.Fn().(*rt.Frame); ok {
		w.concludeStolen(d, f, failure)
		return
	}
	if failure == nil {
		w.publishEnd(d, rt.Returned)
		return
	}
	d.NeedExtra().Err = failure
	t := handleOf(d, d.Gen())
	pe, panicked := failure.(*task.PanicError)
	if panicked && w.s.cfg.OnPanic == nil {
		crash(t, pe, handlePanics)
	}
	w.publishEnd(d, rt.Failed)
	if panicked {
		w.handlePanic(t, pe)
	}
}

// concludeStolen is conclude for a stolen call. The parent gets the failure when it joins.
func (w *worker) concludeStolen(d *rt.Task, f *rt.Frame, failure error) {
	f.Err = failure
	p := f.Forker
	p.Extra().DropStolen(d)
	w.publishEnd(d, rt.Returned)
	if f.Finish() && p.Wake() {
		w.Local(p)
	}
}

// handlePanic calls the panic handler and waits for it. The caller has checked that there is one.
func (w *worker) handlePanic(t task.Task, pe *task.PanicError) {
	w.n.panics++
	w.s.handlers.run(func() {
		defer func() {
			if v := recover(); v != nil {
				crash(t, &task.PanicError{
					Value: &twoPanics{pe.Value, v},
					Stack: append(append(pe.Stack, "\n[the handler]\n"...), debug.Stack()...),
				}, mendTheHandler)
			}
		}()
		w.s.cfg.OnPanic(t, pe)
	})
}

// taskOf returns the handle of the task for which j calls a function.
func taskOf(j rt.Job) task.Task { return j.(interface{ Handle() task.Task }).Handle() }

// strayPanic handles the panic of a function that was called for job j, if j's task no longer waits
// for the end of the function. It treats the panic as one of the task.
func (s *Scheduler) strayPanic(j rt.Job, stray error) {
	t := taskOf(j)
	e := stray.(*task.PanicError)
	if s.cfg.OnPanic == nil {
		crash(t, e, handlePanics)
	}
	s.strays.Add(1)
	s.handlers.run(func() { s.cfg.OnPanic(t, e) })
}

// skips reports whether d, which has not started, should finish without running because it was
// cancelled first. A stolen call is not skipped: it is a part of its parent, which waits for its
// result, and it sees at its yield points that it is cancelled.
func (w *worker) skips(d *rt.Task) bool {
	if !d.Status().Cancelled() && w.s.phase.Load() < phaseClosed {
		return false
	}
	_, stolen := d.Fn().(*rt.Frame)
	return !stolen
}

// heeds reports whether d, which has not started, may have to be skipped or noted. Then the caller
// calls skipOrNote. It is small enough to inline.
func (w *worker) heeds(d *rt.Task) bool {
	return d.Status()&w.heeded != 0 || w.s.phase.Load() >= phaseClosed
}

// skipOrNote ends d, which has not started, if skips says so, and returns true. Otherwise it notes
// the dispatch that is about to begin.
//
//go:noinline
func (w *worker) skipOrNote(d *rt.Task) (skipped bool) {
	if w.skips(d) {
		d.Cancel(d.Gen(), rt.Closed) // for the closed scheduler; otherwise it is cancelled already
		w.publishEnd(d, rt.Skipped)
		return true
	}
	w.noteDispatch(d, 0)
	return false
}

// publishEnd makes the end e of d known. It wakes the tasks and goroutines that wait for d. It
// pools d's descriptor, unless a handle may still ask it for the task's error, context or name.
func (w *worker) publishEnd(d *rt.Task, e rt.End) {
	w.SetCurrent(nil)
	x, gen := d.Extra(), d.Gen()
	waiters, free := d.Finish(e)
	w.n.finished++
	if w.observed {
		w.s.measuring.observeEnd(d, gen)
	}
	switch {
	case free:
		w.freeTasks.Put(&w.s.taskPool, d)
	case d.Gen() == gen: // d is Done for good
		x = d.Extra() // another party may have attached it at the last moment
	}
	if x != nil {
		x.Release()
		if late := x.CloseDone(nil); !late.Empty() {
			late.Aside(&w.s.shared, func() { rt.WakeAll(waiters, nil) })
			return
		}
	}
	if waiters == nil {
		return
	}
	if e == rt.Failed {
		// Not handOn: the handler may run first, and no worker sees a task in handoff.
		rt.WakeAll(waiters, w.local)
	} else {
		rt.WakeAll(waiters, w.handOn)
	}
}
