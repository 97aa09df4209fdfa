package scheduler

import (
	"time"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// Sleep implements rt.Host.
func (w *worker) Sleep(d *rt.Task, ns int64) {
	q := &w.s.timers
	t := q.Borrow(d)
	t.Fib = w.Fib.Load()
	now := q.Now()
	q.Arm(t, rt.After(now, time.Duration(ns)))
	if w.Looks != 0 {
		w.suspend(d, rt.WaitSleep.Park(rt.ForWake), rt.Handle{}, now)
		slept(q, d, t)
		return
	}
	// As in Park, once more, but for pickDue.
	if w.Forks.PrivateLen() > 0 {
		w.share(d)
	}
	w.n.parks++
	w.prevPark, w.prevGen = rt.WaitSleep.Park(rt.ForWake), d.Gen()
	w.Fib.Load().Since.Store(w.s.coarse.Load())
	if next, yield := w.leave(d, w.pickDue(now), w.onPark).Turn(); next != nil {
		next()
	} else {
		yield(struct{}{})
	}
	resume(d)
	slept(q, d, t)
}

// slept ends the sleep of d, whose timer is t.
func slept(q *timers.Queue, d *rt.Task, t *rt.Timer) {
	if !d.Woken() { // cancelled
		if q.Disarm(t) {
			return
		}
		d.AwaitWakeFor(rt.WaitSleep)
	}
	q.Return(t)
}
