package scheduler

import (
	"fmt"
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
)

// A Clock is the time that a scheduler's timers go by: Sleep, what package tsync has of timers, deadlines, GoAfter and
// GoEvery. Quanta and stalls are real time whatever the clock. With [WithClock] it can be one that is turned by
// hand.
//
// Its methods are called by any goroutine, and by tasks, which they must not park or hold up.
type Clock interface {
	// Now returns the present time. It must not go back.
	Now() time.Time

	// Alarm is called once by New. The function that it returns sets the one time at which the clock has to call ring next,
	// instead of what was set before; the zero time means none. The clock calls ring when Now has reached that time, or later, on any
	// goroutine, once, and not while it holds a lock that its other functions take. ring fires all timers that are due by Now, and
	// calls set with the time of the next before it returns; so a clock that is turned by hand rings until nothing is set that
	// Now has reached, and then all that was due has happened: callbacks were called, and tasks are runnable.
	//
	// The clock need not ring for a time that Now had reached already when it was set: the scheduler looks.
	Alarm(ring func()) (set func(at time.Time))
}

// WithClock replaces the clock of the scheduler's timers. The default is real time.
func WithClock(clock Clock) Option {
	return optionFunc(func(c *config) error {
		if clock == nil {
			return fmt.Errorf("scheduler: WithClock(nil): want a clock; leave the option out for real time")
		}
		c.clock = clock
		return nil
	})
}

// An alarm is a Clock of the user's, as the timer queue sees it. Who changes first sets the alarm after that, and under a
// lock, so the last to do so sees the last change.
type alarm struct {
	clock Clock
	start time.Time
	first atomicx.Int64 // see timers.earliest

	ringing sync.Mutex // held while timers are fired, so that who rings comes back when what was due has happened

	mu   sync.Mutex
	at   int64 // what is set; 0: nothing
	hold int64 // the time that is being rung, which stays set so long, or 0
	set  func(at time.Time)
}

// init prepares q for use by s.
func (q *timers) init(s *Scheduler, clock Clock) {
	q.sched = s
	if clock == nil {
		q.clock = s.now
		q.kick = func(when int64) { s.mon.KickBefore(when + s.timerGrace()) }
		return
	}
	a := &alarm{clock: clock, start: clock.Now()}
	q.alarm = a
	q.clock = func() int64 { return max(int64(clock.Now().Sub(a.start)), 0) + 1 }
	q.kick = func(int64) { q.setAlarm() }
	a.set = clock.Alarm(q.ring)
}

// setAlarm sets the alarm to the earliest timer.
//
//	arms                        turns the clock
//	K1 set                      T1 change Now
//	K2 look at Now              T2 look at what is set
//
// Either K2 sees the time of T1, or T2 sees what K1 has set.
func (q *timers) setAlarm() {
	a := q.alarm
	a.mu.Lock()
	f := a.first.Load()
	if a.hold != 0 {
		a.setTo(a.hold)
	} else {
		a.setTo(f) // (K1)
	}
	a.mu.Unlock()
	if f != 0 && f <= q.clock() { // (K2)
		// Not here: who arms a timer may hold locks.
		go q.ring()
	}
}

// setTo sets the alarm. Called under mu.
func (a *alarm) setTo(f int64) {
	if f == a.at {
		return
	}
	a.at = f
	if f == 0 {
		a.set(time.Time{})
	} else {
		a.set(a.start.Add(time.Duration(f - 1)))
	}
}

// ring fires what is due, and sets the alarm for what comes next. Meanwhile the time that it rings stays set: who turns the clock
// and sees nothing set would take it that all has happened.
func (q *timers) ring() {
	a := q.alarm
	a.ringing.Lock()
	defer a.ringing.Unlock()
	var batch dueBatch
	for {
		now := q.clock()
		f := a.first.Load()
		if f == 0 || f > now {
			break
		}
		a.mu.Lock()
		a.hold = f
		a.setTo(f)
		a.mu.Unlock()
		q.mu.Lock()
		q.fire(now, batch[:], q.sched.inject)
	}
	a.mu.Lock()
	a.hold = 0
	a.at = -1 // whatever was set has rung, or may have
	a.mu.Unlock()
	q.setAlarm()
}
