package engine

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/timers"
)

// alarms are what a worker needs to fire timers. Only the worker touches them.
type alarms struct {
	timers     *timers.Queue // of the timers that are armed on the worker
	set        *timers.Set   // all queues
	timerBatch *timers.Batch
	timerTurn  uint32 // whose timers expireTurn fires next
	firing     bool   // it fires timers: see ringWake
	clock      *clock
	due        func(*rt.Task) // queues a task that a timer has made runnable: pushDue
}

// expireTimers fires the timers of the worker's own queue that are due, and those of the queues
// whose turn it is.
//
// If pick finds no task, it fires the timers of the worker's own queue and of the common queue. The
// queues of the other workers may hold timers that are due, too, if their workers run tasks that do
// not give way. A worker that has nothing to do looks at all of those queues, in search and before
// it sleeps. A worker that always has tasks looks at a few of those queues at each fairTick-th look
// and each time a budget is spent (expireTurn). sysmon looks at all of them at each tick.
func (a *alarms) expireTimers(now int64) {
	if a.timers.Due(now) {
		a.firing = true
		a.timers.Expire(now, a.timerBatch, a.due)
		a.firing = false
	}
	a.expireTurn(now)
}

// expireFair is expireTimers for one batch of each queue. It reads the clock only if one of them
// has timers.
func (a *alarms) expireFair() {
	var now int64
	if a.timers.First() != 0 {
		now = a.clock.now()
		a.expireOf(a.timers, now)
	}
	a.expireTurn(now)
}

// expireSome fires one batch of the timers that are due in the worker's own queue, and one of those
// in the common queue.
func (a *alarms) expireSome(now int64) {
	a.expireOf(a.timers, now)
	a.expireOf(a.set.Common(), now)
}

// expireOf fires one batch of the timers of q that are due.
func (a *alarms) expireOf(q *timers.Queue, now int64) {
	if q.Due(now) {
		a.firing = true
		q.ExpireSome(now, a.timerBatch, a.due)
		a.firing = false
	}
}

// expireAny fires the timers of all queues that are due.
func (a *alarms) expireAny(now int64) {
	a.firing = true
	a.set.ExpireAny(now, a.timerBatch, a.due)
	a.firing = false
}

// expireOne fires one timer of the worker's own queue that is due. If it makes a task runnable, due
// gets that. expireOne reports whether there was a timer.
func (a *alarms) expireOne(now int64, due func(*rt.Task)) bool {
	a.firing = true
	fired := a.timers.ExpireOne(now, a.timerBatch, due)
	a.firing = false
	return fired
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
func (a *alarms) expireTurn(now int64) {
	qs := a.set.Turn(a.timerTurn)
	a.timerTurn += uint32(len(qs))
	for _, q := range qs {
		if q.First() == 0 {
			continue
		}
		if now == 0 {
			now = a.clock.now()
		}
		a.expireOf(q, now)
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
