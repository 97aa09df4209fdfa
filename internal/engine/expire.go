package engine

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// expireTimers fires the timers of the worker's own queue that are due, and those of the queues
// whose turn it is.
//
// If pick finds no task, it fires the timers of the worker's own queue and of the common queue. The
// queues of the other workers may hold timers that are due, too, if their workers run tasks that do
// not give way. A worker that has nothing to do looks at all of those queues, in search and before
// it sleeps. A worker that always has tasks looks at a few of those queues at each fairTick-th look
// and each time a budget is spent (expireTurn). sysmon looks at all of them at each tick.
func (w *worker) expireTimers(now int64) {
	if w.timers.Due(now) {
		w.firing = true
		w.timers.Expire(now, w.timerBatch, w.pushDue)
		w.firing = false
	}
	w.expireTurn(now)
}

// expireFair is expireTimers for one batch of each queue. It reads the clock only if one of them
// has timers.
func (w *worker) expireFair() {
	var now int64
	if w.timers.First() != 0 {
		now = w.s.now()
		w.expireOf(w.timers, now)
	}
	w.expireTurn(now)
}

// expireSome fires one batch of the timers that are due in the worker's own queue, and one of those
// in the common queue.
func (w *worker) expireSome(now int64) {
	w.expireOf(w.timers, now)
	w.expireOf(w.s.timers.Common(), now)
}

// expireOf fires one batch of the timers of q that are due.
func (w *worker) expireOf(q *timers.Queue, now int64) {
	if q.Due(now) {
		w.firing = true
		q.ExpireSome(now, w.timerBatch, w.pushDue)
		w.firing = false
	}
}

// pushDue queues a task that a timer has just made runnable.
func (w *worker) pushDue(d *rt.Task) {
	if w.notesReady {
		w.noteWoken(d)
	}
	w.push(d)
}

// expireTurn fires a batch of the timers that are due at now in each of the queues whose turn it
// is. If now is 0 and one of them has timers, expireTurn reads the clock.
func (w *worker) expireTurn(now int64) {
	qs := w.s.timers.Turn(w.timerTurn)
	w.timerTurn += uint32(len(qs))
	for _, q := range qs {
		if q.First() == 0 {
			continue
		}
		if now == 0 {
			now = w.s.now()
		}
		w.expireOf(q, now)
	}
}

// timersHere returns the timer queue of the worker that the caller runs on, or nil if it runs on
// none of s.
func (s *Scheduler) timersHere() *timers.Queue {
	if w := currentWorker(); w != nil && w.s == s {
		return w.timers
	}
	return nil
}
