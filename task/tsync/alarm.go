package tsync

import (
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// timersOf returns the timers of the scheduler that on stands for.
func timersOf(on task.Starter) rt.Timers {
	if c, ok := on.(*task.Ctx); ok && c != nil {
		return (*rt.Task)(c).Shared().Sched.Timers()
	} else if on == nil || ok {
		panic("tsync: a timer with a nil Starter: pass a scheduler, or a task's Ctx")
	}
	if sched, ok := rt.SchedulerOf(on); ok {
		return sched.Timers()
	}
	panic("tsync: a timer needs a scheduler or a task's Ctx, whose clock it goes by: a Starter that wraps one has none")
}

// An alarm calls a function when its time has come, on the clock of a scheduler: a Timer or a Ticker has one. Its methods
// may be called from anywhere, by several at once, and never wait.
//
// ring is told how late it is. ring and undo are called under the alarm's lock, so they must not call its methods, nor wait for
// anything but short locks: ring is called on a worker, between two tasks or at a checkpoint of one, or on the goroutine that
// watches over the workers.
type alarm struct {
	timers rt.Timers
	ring   func(late time.Duration)
	undo   func() bool

	mu     atomicx.Mutex
	t      *rt.Timer // the one in use
	when   int64     // when it is to ring; 0: not set
	period int64     // 0: once
}

// newAlarm returns an alarm that is not set. undo is called when a set alarm, or one that has rung, is stopped or set anew:
// it takes back what the last ring did, and reports whether there was anything left of that. It may be nil. newAlarm
// panics if on is neither a scheduler nor a task's Ctx.
func newAlarm(on task.Starter, ring func(late time.Duration), undo func() bool) *alarm {
	return &alarm{timers: timersOf(on), ring: ring, undo: undo}
}

// set has the alarm ring when d has passed, and if every is positive, again each time that every has passed since; an instant
// that has passed before it could ring is left out. It replaces what was set before, and reports what stop would have.
// After the scheduler is closed it never rings.
func (a *alarm) set(d, every time.Duration) (was bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	was = a.unset()
	a.period = int64(max(every, 0))
	a.arm(rt.After(a.timers.Now(), max(d, 0)))
	return was
}

// stop has the alarm not ring. It reports whether it was set, or undo took back its last ring.
func (a *alarm) stop() (was bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.unset()
}

// now returns the time of the alarm's clock.
func (a *alarm) now() time.Time { return a.timers.Time() }

// start starts fn as a task, for the alarm's function to call: it does not wait, whatever limits there are for
// submissions. It is accepted as long as the scheduler has tasks that have not ended, after Shutdown too.
func (a *alarm) start(fn func(c *task.Ctx)) { a.timers.Launch(fn, nil) }

// unset is stop under mu.
func (a *alarm) unset() (was bool) {
	if was = a.when != 0; was {
		a.when = 0
		if a.timers.Disarm(a.t) {
			a.t = nil // it is spent
		}
	}
	if a.undo != nil && a.undo() {
		was = true
	}
	return was
}

// arm sets the alarm. The timer in use is Idle, although its last ring may be on its way; see Fire.
func (a *alarm) arm(when int64) {
	a.when = when
	if a.t == nil {
		a.t = &rt.Timer{Do: a}
	}
	a.timers.Arm(a.t, when)
}

// Fire implements rt.Fire. The timer was claimed before a.mu was locked; in between the alarm may have been stopped, or
// set anew. Then either it is due anyway, or it is not the time yet. In both cases it rings once for each
// time that it was set: what came for the other finds it unset.
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
	a.ring(time.Duration(now - when))
}
