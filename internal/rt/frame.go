package rt

import (
	"fmt"
	"slices"
	"unsafe"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A Frame is one forked call that has not been joined. It lies in the fork deque of the worker that
// its parent forked it on. There the parent takes it back, or a thief steals it.
//
// # Who runs it
//
// While a frame is private, only the worker whose deque holds it can take it, and that worker runs
// the frame's parent, because private frames are exposed before their task leaves the worker. So
// the parent that pops a frame from the private tail owns the frame.
//
// Two parties may want an exposed frame: a thief that has taken it from the deque, and its parent,
// which cannot reach that deque any more if it has migrated. The claim decides:
//
//	queued  -> claimed   Claim   a CAS by the party that runs the call
//	claimed -> done      Finish  a swap by the party that ran the call
//	claimed -> waiting   Await   a CAS by the parent before it parks
//	waiting -> done      Finish  a swap by the party that ran the call, which wakes the parent
//
// Await (step Join-A1 in ARCHITECTURE.md, "Fork and join") and Finish (Join-B2) change the same
// word, so one of them comes first. If Finish comes first, Await fails, and the parent goes on. If
// Await comes first, Finish sees waiting, and its caller wakes the parent.
//
// A parent that claims a frame without having taken it from the deque leaves a pointer there. The
// party that takes this pointer finds the frame claimed and drops it. Such a frame must never be
// used again.
type Frame struct {
	// Tag tells what type Body has, faster than a type assertion to a generic type does. Frames
	// with the same Tag, unless it is nil, have a Body of the same type.
	Tag   unsafe.Pointer
	Body  Body
	state atomicx.Uint32

	// Forker is the task that forked the call. It is set before others can see the frame, and nil
	// once the call is joined.
	Forker *Task
	Err    error // the call's failure if another party ran it; set before Finish
}

// Body is the function and the data of a frame.
type Body interface {
	// RunStolen calls the function with d as its task and keeps the result in the frame. It lets
	// panics out.
	RunStolen(d *Task)
	// A fork on w calls Displaced on a frame at rest before it puts another frame in its place in
	// w's fork deque. A frame at rest belongs to no call: its call was joined, and the frame stays
	// in its slot until a fork uses it again or displaces it.
	Displaced(w *Worker)
}

const (
	frQueued  = 0 // a frame at rest has this state too, so that the fast path need not write it
	frClaimed = 1
	frWaiting = 2
	frDone    = 3
)

// Claim reports whether the caller won the right to run the call.
func (f *Frame) Claim() bool { return f.state.CompareAndSwap(frQueued, frClaimed) }

// Finish is called by the party that claimed the frame and ran the call. It reports whether Forker
// waits; if so, the caller has to Wake it.
func (f *Frame) Finish() (wake bool) { return f.state.Swap(frDone) == frWaiting }

// Await is called by the parent before it parks to wait for Finish. It returns false if the call is
// done.
func (f *Frame) Await() bool { return f.state.CompareAndSwap(frClaimed, frWaiting) }

// Reset makes a frame usable again after another party ran the call. Only its parent may call it,
// after Finish, and only if the party that ran the call took the frame from the deque.
func (f *Frame) Reset() {
	f.Forker, f.Err = nil, nil
	f.state.Store(frQueued)
}

// Take gets back a frame that is not the newest private one, for its parent d to run the call. It
// returns ok false if another party has claimed the call. pooled reports whether the frame may be
// used again.
//
// Take exposes all calls that d has forked, and then takes f back. That answers the requests of all
// thieves, so if frames are left in the deque, Take also wakes another worker, even before d goes
// on.
func (w *Worker) Take(d *Task, f *Frame) (ok, pooled bool) {
	w.Expose(d)
	d.Extra().dropFrame(f)
	for {
		g := w.Forks.Pop()
		switch {
		case g == f:
			ok, pooled = true, true
		case g == nil:
			return f.Claim(), false
		case g.state.Load() != frQueued:
			continue // claimed by a parent that could not reach it
		default:
			w.Forks.Push(g)
			ok = f.Claim()
		}
		if !w.Forks.Thief().Empty() {
			w.Host.WakeThief()
		}
		return ok, pooled
	}
}

// Expose opens all private frames, which belong to the running task d, to thieves. It reports
// whether there were any.
func (w *Worker) Expose(d *Task) bool {
	n := w.Forks.PrivateLen()
	if n == 0 {
		return false
	}
	w.account(d, n)
	w.Forks.ExposeAll()
	return true
}

// PushFrame is the slow path of a fork of f by d, for the case that a thief has asked for frames or
// the ring is full. It reports whether it exposed frames; if so, the caller should wake a worker.
func (w *Worker) PushFrame(d *Task, f *Frame) (exposed bool) {
	for !w.Forks.Wanted() {
		w.Forks.Reserve(1)
		if w.Forks.TryPushPrivate(f) {
			return false
		}
	}
	// Only the owner ends a request, so PushPrivate will find the request, and will expose half of
	// the private frames, f included, rounded up.
	n := w.Forks.PrivateLen()
	w.account(d, min(n, n/2+1))
	if n == 0 {
		d.NeedExtra().addFrame(d, f)
	}
	return w.Forks.PushPrivate(f)
}

// If a thief has asked, ExposeWanted opens half of the private frames of the running task d,
// rounded up, to thieves. It reports whether it opened any.
func (w *Worker) ExposeWanted(d *Task) bool {
	n := w.Forks.PrivateLen()
	if n == 0 || !w.Forks.Wanted() {
		return false
	}
	w.account(d, (n+1)/2)
	w.Forks.Expose()
	return true
}

// Private reports whether f is among the private frames, which belong to the running task.
func (w *Worker) Private(f *Frame) (found bool) {
	w.Forks.EachPrivate(w.Forks.PrivateLen(), func(g *Frame) { found = found || f == g })
	return found
}

// account notes, in the Extra of their task d, the n oldest private frames, which the caller is
// about to expose. d must not end before these calls have ended, and thieves find d by
// Frame.Forker.
func (w *Worker) account(d *Task, n int) {
	x := d.NeedExtra()
	w.Forks.EachPrivate(n, func(f *Frame) { x.addFrame(d, f) })
}

func (x *Extra) addFrame(d *Task, f *Frame) {
	f.Forker = d
	o := x.needOpen()
	o.frames = append(o.frames, f)
}

func (x *Extra) dropFrame(f *Frame) {
	if x == nil || x.open == nil {
		return
	}
	o := x.open
	for i := len(o.frames) - 1; i >= 0; i-- {
		if o.frames[i] == f {
			o.frames = slices.Delete(o.frames, i, i+1)
			return
		}
	}
}

// HasOpenCalls reports whether d, which runs on w, has forked calls that it has not joined, or has
// detached from a blocking call. d may have forked the calls on w, or earlier on other workers. If
// HasOpenCalls returns true, d has to call EndOpenCalls before it ends.
func (w *Worker) HasOpenCalls(d *Task) bool {
	if w.Forks.PrivateLen() > 0 {
		return true
	}
	x := d.Extra()
	return x != nil && x.open != nil && (len(x.open.frames) > 0 || x.open.detached != nil)
}

// EndOpenCalls ends the calls that d forked and did not join, and returns their number. It drops a
// call that has not started, and parks d until a call that has started ends. It also parks d until
// the blocking call that d has detached from ends.
func (d *Task) EndOpenCalls() (n int) {
	for w := d.Worker(); w.Forks.PopPrivate() != nil; {
		n++
	}
	x := d.Extra()
	if x == nil || x.open == nil {
		return n
	}
	o := x.open
	for _, f := range o.frames {
		n++
		_ = d.endFrame(f)
	}
	o.frames = nil
	if j := o.detached; j != nil {
		o.detached = nil
		if j.Await() {
			d.AwaitWakeFor(WaitBlocking)
		}
	}
	return n
}

// UnjoinedText returns the text of the panic for a task whose function returned without having
// joined n calls.
func UnjoinedText(n int) string {
	return fmt.Sprintf("parallel: a task returned with %d forked calls not joined: join each Fork before the function that forked it returns", n)
}

// endFrame makes sure that the exposed call f either never starts or has ended, and returns its
// failure. It parks d while another party runs the call. f must not be joined afterwards.
func (d *Task) endFrame(f *Frame) (err error) {
	if !f.Claim() {
		if f.Await() {
			d.AwaitCall(f) // d may be on another worker afterwards
		}
		err = f.Err
	}
	f.Forker = nil
	return err
}

// AwaitWakeFor parks d, which must be the calling task, until the party that owes d a Wake has
// called Wake. y is the reason that Dump shows.
func (d *Task) AwaitWakeFor(y WaitReason) {
	if d.take(flagWoken) {
		return
	}
	for d.Worker().Host.Park(d, y.Park(ForWakeOnly)); !d.Woken(); {
		d.Worker().Host.Park(d, y.Park(ForWakeOnly))
	}
}
