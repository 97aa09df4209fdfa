package timers

import (
	"sync"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
	"github.com/heddle-go/heddle/internal/histogram"
	"github.com/heddle-go/heddle/internal/rt"
)

// A Clock is a scheduler.Clock, whose comments say what the methods have to do.
type Clock interface {
	// Now returns the present time, which never goes back.
	Now() time.Time
	// Alarm returns the function that sets the time at which the clock has to call fire.
	Alarm(fire func()) (set func(at time.Time))
}

// An alarm connects the queue with its clock. Each goroutine that changes first sets the alarm
// afterwards, under mu. So the goroutine that sets the alarm last sees the final value of first.
type alarm struct {
	clock Clock
	start time.Time
	wake  func(d *rt.Task) // queues a task that is runnable
	late  *histogram.Histogram
	first atomicx.Int64 // see Queue.earliest

	// onAlarm holds firing while timers fire, so it returns only after all due timers have fired.
	firing sync.Mutex

	mu   sync.Mutex
	at   int64 // the time that set was last called with; 0: none
	hold int64 // while timers fire, the time at which they are due, which stays set; 0: none fires
	set  func(at time.Time)
}

// InitClock prepares q to use the time of clock, as Init does for real time. Timers fire on the
// goroutine on which the clock calls fire. There the queue calls wake with each task that has
// become runnable, and wake has to queue the task. late, which may be nil, is the Late of the
// [Batch].
func (q *Queue) InitClock(clock Clock, wake func(d *rt.Task), late *histogram.Histogram) {
	a := &alarm{clock: clock, start: clock.Now(), wake: wake, late: late}
	q.alarm = a
	q.now = func() int64 { return max(int64(clock.Now().Sub(a.start)), 0) + 1 }
	q.kick = func(int64) { q.setAlarm() }
	a.set = clock.Alarm(q.onAlarm)
}

// setAlarm sets the alarm to the earliest timer.
//
//	party that arms a timer     party that advances the clock
//	Clock-K1  set the alarm     Clock-T1  change Now
//	Clock-K2  look at Now       Clock-T2  look at the alarm
//
// Either Clock-K2 sees the time of Clock-T1, or Clock-T2 sees the alarm of Clock-K1.
func (q *Queue) setAlarm() {
	a := q.alarm
	a.mu.Lock()
	f := a.first.Load()
	if a.hold != 0 {
		a.setTo(a.hold)
	} else {
		a.setTo(f) // (Clock-K1)
	}
	a.mu.Unlock()
	if f != 0 && f <= q.now() { // (Clock-K2)
		// onAlarm runs on a goroutine of its own, because the caller of Arm may hold locks.
		go q.onAlarm()
	}
}

// setTo sets the alarm to f, or to none if f is 0. It is called under mu.
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

// onAlarm is the function that the clock calls when the set time has come. It fires the timers that
// are due, and then sets the alarm to the next time. While timers fire, the alarm stays set,
// because for a goroutine that advances the clock an alarm that is not set means that all due
// timers have fired.
func (q *Queue) onAlarm() {
	a := q.alarm
	a.firing.Lock()
	defer a.firing.Unlock()
	batch := Batch{Late: a.late}
	for {
		now := q.now()
		f := a.first.Load()
		if f == 0 || f > now {
			break
		}
		a.mu.Lock()
		a.hold = f
		a.setTo(f)
		a.mu.Unlock()
		q.mu.Lock()
		q.fire(now, &batch, len(batch.timers), a.wake)
	}
	a.mu.Lock()
	a.hold = 0
	a.at = -1 // the clock may have called fire and so dropped its time: setAlarm must set it anew
	a.mu.Unlock()
	q.setAlarm()
}
