package scheduler

import (
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// Sleep implements rt.Host.
func (w *worker) Sleep(d *rt.Task, ns int64) {
	ts := &w.s.timers
	t := ts.Borrow(d)
	t.Fib = w.Fib.Load()
	now := ts.Now()
	w.timers.Arm(t, rt.After(now, time.Duration(ns)))
	if w.Looks != 0 {
		w.suspend(d, rt.WaitSleep.Park(rt.ForWake), rt.Handle{}, now)
		slept(ts, d, t)
		return
	}
	// The tail of Park again, with pickDue in place of pick.
	w.shareForks(d)
	w.notePark(d, rt.WaitSleep.Park(rt.ForWake))
	if self := w.prepareSwitch(d, w.pickDue(now), w.onPark); self.AtNext() {
		self.Next()()
	} else {
		self.Yield()(struct{}{})
	}
	resume(d)
	slept(ts, d, t)
}

// slept ends the sleep of d, whose timer is t. If d was cancelled, slept disarms t. If t has fired
// meanwhile, slept waits for its wake-up, because that must not come during a later wait.
func slept(ts *timers.Set, d *rt.Task, t *rt.Timer) {
	if !d.Woken() { // cancelled
		if ts.Disarm(t) {
			return
		}
		d.AwaitWakeFor(rt.WaitSleep)
	}
	ts.Return(t)
}
