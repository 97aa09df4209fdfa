package rt

import (
	"fmt"
	"slices"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A Frame is one forked call that has not been joined. It lies in the fork deque of the
// worker that it was forked on, where its parent takes it back and thieves take it.
//
// # Who runs it
//
// While a frame is private, only the worker it lies on can take it, and that runs the frame's
// parent: private frames are exposed before their task leaves the worker. So a parent
// that pops its frame from the private tail owns it without further ado. Once it was exposed,
// there are up to two who may want it: a thief that takes it from the deque, and a
// parent that has migrated and cannot reach that deque any more. The claim decides:
//
//	queued -> claimed            by who runs it: CAS (Claim)
//	claimed -> done              by who ran it: Swap (Finish)
//	claimed -> waiting -> done   if the parent comes to wait in between: CAS (Await), Swap
//
// Await and Finish change the same word, so one is first: either Await fails, and the parent
// goes on, or Finish sees waiting, and wakes it.
//
// A parent that claims a frame without having taken it from the deque leaves a pointer there.
// Whoever takes that finds the frame claimed and drops it. Such a frame must never be used again.
type Frame struct {
	Body  Body
	state atomicx.Uint32

	Parent *Task // the task that forked it; set before others can see the frame, nil once it is joined
	Err    error // what the call failed with, when another ran it; set before Finish
}

// Body is the function and the data of a frame.
type Body interface {
	// RunStolen calls the function with d as its task and keeps the result in the frame. A
	// panic is let out.
	RunStolen(d *Task)
	// Displaced is called for a frame at rest that loses its place in w's fork deque.
	Displaced(w *Worker)
}

const (
	frQueued  = 0 // also at rest, so that the fast path need not write it
	frClaimed = 1
	frWaiting = 2
	frDone    = 3
)

// Claim makes the caller the one to run the frame.
func (f *Frame) Claim() bool { return f.state.CompareAndSwap(frQueued, frClaimed) }

// Finish is called by who claimed and ran the frame. It reports whether Parent
// waits, and then the caller has to Wake it.
func (f *Frame) Finish() (wake bool) { return f.state.Swap(frDone) == frWaiting }

// Await is called by the parent before it parks until Finish. It reports false if the frame
// is done.
func (f *Frame) Await() bool { return f.state.CompareAndSwap(frClaimed, frWaiting) }

// Rest makes a frame that another ran ready to be used again. Only its parent may call
// it, after Finish, and only if who ran it took it from the deque.
func (f *Frame) Rest() {
	f.Parent, f.Err = nil, nil
	f.state.Store(frQueued)
}

// Take gets a frame that is not the newest private one back, for its parent d to run. It
// reports false if another has claimed it. pooled says whether the frame may be used again.
//
// What d has forked besides is exposed by that, which meets all requests: so the worker is told, even before d goes on.
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
			w.Host.Hungry()
		}
		return ok, pooled
	}
}

// Expose lets thieves at all private frames, which are those of the running task d. It reports
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

// PushFrame queues a frame that d forked, by the slow path: there may be a thief that asked, or
// no room. It reports whether frames were exposed, so that somebody should be woken.
func (w *Worker) PushFrame(d *Task, f *Frame) (exposed bool) {
	for !w.Forks.Wanted() {
		w.Forks.Reserve(1)
		if w.Forks.TryPushPrivate(f) {
			return false
		}
	}
	// The request stands until the owner meets it, so PushPrivate exposes just
	// this: half of what there is then, rounded up.
	n := w.Forks.PrivateLen()
	w.account(d, min(n, n/2+1))
	if n == 0 {
		d.NeedExtra().addFrame(d, f)
	}
	return w.Forks.PushPrivate(f)
}

// ExposeWanted lets thieves at half of the private frames of the running task d, rounded up, if one
// has asked. It reports whether it did.
func (w *Worker) ExposeWanted(d *Task) bool {
	n := w.Forks.PrivateLen()
	if n == 0 || !w.Forks.Wanted() {
		return false
	}
	w.account(d, (n+1)/2)
	w.Forks.Expose()
	return true
}

// Private reports whether f is among the private frames, which are the running task's.
func (w *Worker) Private(f *Frame) (found bool) {
	w.Forks.EachPrivate(w.Forks.PrivateLen(), func(g *Frame) { found = found || f == g })
	return found
}

// account notes the n oldest private frames, which are about to be exposed, with their task: it
// must not end before they have, and thieves need to know it.
func (w *Worker) account(d *Task, n int) {
	x := d.NeedExtra()
	w.Forks.EachPrivate(n, func(f *Frame) { x.addFrame(d, f) })
}

func (x *Extra) addFrame(d *Task, f *Frame) {
	f.Parent = d
	x.frames = append(x.frames, f)
}

func (x *Extra) dropFrame(f *Frame) {
	if x == nil {
		return
	}
	for i := len(x.frames) - 1; i >= 0; i-- {
		if x.frames[i] == f {
			x.frames = slices.Delete(x.frames, i, i+1)
			return
		}
	}
}

// Unsettled reports whether there are calls that d forked on w, where it runs, or earlier, and has not joined, or a blocking call
// that it has left. It has to Settle before it ends.
func (w *Worker) Unsettled(d *Task) bool {
	if w.Forks.PrivateLen() > 0 {
		return true
	}
	x := d.Extra()
	return x != nil && (len(x.frames) > 0 || x.left != nil)
}

// Settle ends the calls that d forked and did not join, and returns their number. A call that has not started never
// will. For one that has, d waits, and so it does for a blocking call that it has left.
func (d *Task) Settle() (n int) {
	for w := d.Worker(); w.Forks.PopPrivate() != nil; {
		n++
	}
	x := d.Extra()
	if x == nil {
		return n
	}
	for _, f := range x.frames {
		n++
		_ = d.endFrame(f)
	}
	x.frames = nil
	if j := x.left; j != nil {
		x.left = nil
		if j.Await() {
			d.AwaitWakeFor(WaitBlocking)
		}
	}
	return n
}

// UnjoinedText says what is wrong with a task whose function has returned without having joined n calls.
func UnjoinedText(n int) string {
	return fmt.Sprintf("parallel: a task returned with %d forked calls not joined: join each Fork before the function that forked it returns", n)
}

// endFrame sees to it that f, which is exposed, either is never started or has ended, and returns what it failed with. It is not to
// be joined then.
func (d *Task) endFrame(f *Frame) (err error) {
	if !f.Claim() {
		if f.Await() {
			d.AwaitWake() // d may be on another worker afterwards
		}
		err = f.Err
	}
	f.Parent = nil
	return err
}

// AwaitWake parks d until the Wake that it is owed by a stolen call has come.
func (d *Task) AwaitWake() { d.AwaitWakeFor(WaitFork) }

// AwaitWakeFor parks d until the Wake that it is owed has come. It is waiting for y.
func (d *Task) AwaitWakeFor(y WaitReason) {
	if d.take(flagWoken) {
		return
	}
	for d.Host().Park(d, y.Park(ForWakeOnly)); !d.Woken(); {
		d.Host().Park(d, y.Park(ForWakeOnly))
	}
}
