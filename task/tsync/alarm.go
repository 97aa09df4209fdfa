package tsync

import (
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// schedulerOf returns the scheduler that on stands for: on is a scheduler or a task's Ctx. It
// panics if on is anything else.
func schedulerOf(on task.Starter) rt.Scheduler {
	if c, ok := on.(*task.Ctx); ok && c != nil {
		return (*rt.Life)(c).Task().Shared().Sched
	} else if on == nil || ok {
		panic("tsync: a timer with a nil Starter: pass a scheduler, or a task's Ctx")
	}
	if sched, ok := rt.SchedulerOf(on); ok {
		return sched
	}
	panic("tsync: a timer needs a scheduler or a task's Ctx, whose clock it goes by: a Starter that wraps one has none")
}

// An alarm calls its function onFire at a set time, by the clock of a scheduler. Each Timer and
// each Ticker has one. Any task or goroutine may call an alarm's methods, also several at the same
// time. They never wait.
//
// The argument of onFire says how late the call is. The alarm calls onFire and undo with mu locked.
// So these two must not call the alarm's methods, and must not wait for anything but short locks.
// The caller of onFire is a worker, between two tasks or at a checkpoint of one. Or it is sysmon,
// the goroutine that watches the workers, or the goroutine that advances a clock of the user's.
type alarm struct {
	sched  rt.Scheduler
	timers rt.Timers // of sched
	onFire func(late time.Duration)
	undo   func() bool

	mu     atomicx.Mutex
	t      *rt.Timer // the timer in use, or nil
	when   int64     // the time at which to fire, or 0 if the alarm is not set
	period int64     // the time between two firings, or 0 to fire once
}

// newAlarm returns an alarm that is not set. The alarm calls undo each time it is stopped or set
// anew. undo takes back what the last onFire did, and reports whether there was anything left to
// take back. undo may be nil. newAlarm panics if on is neither a scheduler nor a task's Ctx.
func newAlarm(on task.Starter, onFire func(late time.Duration), undo func() bool) *alarm {
	sched := schedulerOf(on)
	return &alarm{sched: sched, timers: sched.Timers(), onFire: onFire, undo: undo}
}

// set makes the alarm fire when d has passed. If every is positive, the alarm then fires again each
// time every has passed, and skips the times that had already passed when it could fire. set
// replaces the previous setting and reports what stop would have reported. After the scheduler is
// closed, the alarm never fires.
func (a *alarm) set(d, every time.Duration) (was bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was = a.unset()
	a.period = int64(max(every, 0))
	a.arm(rt.After(a.timers.Now(), max(d, 0)))
	return was
}

// stop keeps the alarm from firing. It reports whether the alarm was set, or undo took back its
// last firing.
func (a *alarm) stop() (was bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unset()
}

// now returns the time of the alarm's clock.
func (a *alarm) now() time.Time { return a.timers.Time() }

// start starts fn as a task. onFire may call it, because start never waits: limits on submissions
// do not apply. While the scheduler has tasks that have not ended, it accepts fn, even after
// Shutdown.
func (a *alarm) start(fn func(c *task.Ctx)) { a.sched.Launch(fn) }

// unset does the work of stop. The caller holds mu.
func (a *alarm) unset() (was bool) {
	if was = a.when != 0; was {
		a.when = 0
		if a.timers.Disarm(a.t) {
			a.t = nil // a disarmed timer cannot be armed again
		}
	}
	if a.undo != nil && a.undo() {
		was = true
	}
	return was
}

// arm sets the alarm to fire at when. The caller holds mu. a.t is nil or Idle. It is Idle even if a
// party has claimed it for an earlier setting and has yet to call Fire: Fire deals with that.
func (a *alarm) arm(when int64) {
	a.when = when
	if a.t == nil {
		a.t = &rt.Timer{Do: a}
	}
	a.timers.Arm(a.t, when)
}

// Fire implements rt.Fire. The caller claimed the timer before Fire locked mu, so the alarm may
// have been stopped or set anew in between. Fire therefore decides by the present setting: it calls
// onFire if the time of that setting has come, and otherwise does nothing. If it calls onFire, it
// first unsets the alarm, or sets it for the next period. So if this Fire came from an earlier
// setting, the Fire of the present one finds nothing to do. Either way the alarm fires once for
// each time it was set.
func (a *alarm) Fire(now int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.when == 0 || now < a.when {
		return
	}
	when := a.when
	a.when = 0
	if a.timers.Disarm(a.t) {
		a.t = nil
	}
	if a.period > 0 {
		next := when + a.period*(1+(now-when)/a.period)
		if next < when {
			next = 1<<63 - 1
		}
		a.arm(next)
	}
	a.onFire(time.Duration(now - when))
}
