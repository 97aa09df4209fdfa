package engine

import (
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// looked is a worker as its tasks see it if they note what they do: see notes.go. Its methods do
// what those of worker do, and take the notes. So tasks that note nothing pay nothing for it.
type looked struct{ *worker }

var _ rt.Host = looked{}

// Spawn implements rt.Host.
func (h looked) Spawn(fn any, x *rt.Extra) (*rt.Task, uint32) {
	return h.worker.Spawn(fn, noteStart(h.s.looks, x, h.Current.Load()))
}

// Park implements rt.Host.
func (h looked) Park(d *rt.Task, k rt.Park) { h.suspend(d, k, rt.Handle{}, 0) }

// ParkFor implements rt.Host.
func (h looked) ParkFor(d *rt.Task, k rt.Park, t *rt.Task, gen uint32) {
	h.wish.set(t, gen, &h.s.shared)
	h.suspend(d, k, rt.HandleOf(t, gen), 0)
}

// ParkReady implements rt.Host.
func (h looked) ParkReady() error {
	d := h.Current.Load()
	if d == nil || !h.Fib.Load().IsCurrent() {
		return h.worker.ParkReady() // finds the caller
	}
	if d.Happened(rt.ForReady) {
		if d.TakeToken() {
			return nil
		}
		return (*task.Ctx)(d.Life()).Cause()
	}
	h.suspend(d, rt.WaitReady.Park(rt.ForReady), rt.Handle{}, 0)
	if d.Status().Cancelled() {
		return (*task.Ctx)(d.Life()).Cause()
	}
	return nil
}

// Sleep implements rt.Host.
func (h looked) Sleep(d *rt.Task, ns int64) {
	ts := &h.s.timers
	t := ts.Borrow(d)
	t.Fib = h.Fib.Load()
	now := ts.Now()
	h.timers.Arm(t, rt.After(now, time.Duration(ns)))
	h.suspend(d, rt.WaitSleep.Park(rt.ForWake), rt.Handle{}, now)
	slept(ts, d, t)
}

// suspend parks d, as worker.Park does, and notes the wait. end is the task whose end d waits for,
// or the zero Handle. now is the time of the worker's clock if d goes to sleep, otherwise 0.
// (Directed workers have directed.wait instead.)
func (w *worker) suspend(d *rt.Task, k rt.Park, end rt.Handle, now int64) {
	note := w.noteWait(d, k, end)
	w.shareForks(d)
	w.preparePark(d, k)
	var n *rt.Task
	if now != 0 {
		n = w.pickDue(now)
	} else {
		n = w.pick()
	}
	w.wish.t = nil // see ParkFor
	if self := w.prepareSwitch(d, n, w.onPark); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
	note.back(d, k)
}
