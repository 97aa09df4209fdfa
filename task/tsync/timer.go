package tsync

import (
	"time"

	"github.com/heddle-go/heddle/task"
)

// A Timer is a single event in the future, with the semantics of Go's time.Timer, by the clock of a
// scheduler. When a timer of [NewTimer] expires, it sends the time at which it was due on C. When a
// timer of [AfterFunc] expires, it starts its function as a task.
//
// C behaves as an unbuffered channel with a sender that waits from the moment of expiry until its
// value is received, or the timer is stopped or reset. So after Stop or Reset has returned, no old
// value can be received, and Len and Cap of C are 0. Only receive from C, with [Chan.Recv],
// [Select] and so on. If the program closes C, the timer sends nothing more.
//
// Timers expire on time even if all workers compute, as long as the tasks reach checkpoints. When
// the scheduler is closed, pending timers never expire, and they hold no resources. So wait for C
// under a context. Shutdown does not wait for timers.
type Timer struct {
	_ noCopy

	C *Chan[time.Time] // nil if made by AfterFunc

	a *alarm
}

// NewTimer makes a timer that expires when d has passed, or at once if d is not positive. on is a
// scheduler or a task's Ctx. The timer may outlive the task. NewTimer panics if on is anything
// else.
func NewTimer(on task.Starter, d time.Duration) *Timer {
	t := &Timer{C: newTimeChan()}
	t.a = newAlarm(on, func(late time.Duration) { t.C.offer(t.a.now().Add(-late)) }, t.C.withhold)
	t.a.set(d, 0)
	return t
}

// After returns a channel on which the time is sent when d has passed. It is short for NewTimer(on,
// d).C; use NewTimer if the timer may have to be stopped.
func After(on task.Starter, d time.Duration) *Chan[time.Time] { return NewTimer(on, d).C }

// AfterFunc makes a timer that starts f as a task when d has passed. on is a scheduler or a task's
// Ctx, and f runs as a task of that scheduler. C of the timer is nil. During Shutdown f is still
// started if there are tasks that have not ended. AfterFunc panics if f is nil, or if on is
// anything else.
func AfterFunc(on task.Starter, d time.Duration, f func(c *task.Ctx)) *Timer {
	if f == nil {
		panic("tsync: AfterFunc with a nil function")
	}
	t := &Timer{}
	t.a = newAlarm(on, func(time.Duration) { t.a.start(f) }, nil)
	t.a.set(d, 0)
	return t
}

// Stop keeps the timer from expiring. It returns true if the timer had not expired, or had expired
// but its value was not yet received, which now cannot happen. It returns false if the value was
// received, if the task of AfterFunc was started, or if the timer was already stopped. Stop does
// not wait for the function of AfterFunc. It never waits, and any task or goroutine may call it. It
// panics if the timer was not made by NewTimer or AfterFunc.
func (t *Timer) Stop() bool {
	point()
	if t.a == nil {
		panic("tsync: Stop of a Timer that was not made by NewTimer or AfterFunc")
	}
	return t.a.stop()
}

// Reset makes the timer expire when d has passed from now, whether or not it has expired or was
// stopped. It returns what Stop would have returned. If the timer is from AfterFunc, f may be
// started while an earlier f still runs. Reset never waits, and any task or goroutine may call it.
// It panics if the timer was not made by NewTimer or AfterFunc.
func (t *Timer) Reset(d time.Duration) bool {
	point()
	if t.a == nil {
		panic("tsync: Reset of a Timer that was not made by NewTimer or AfterFunc")
	}
	return t.a.set(d, 0)
}

// newTimeChan makes the channel of a timer or a ticker. It has room for one value that Len and Cap
// do not show.
func newTimeChan() *Chan[time.Time] {
	ch := NewChan[time.Time](1)
	ch.hidden = true
	return ch
}

// offer sends v to a waiting receiver, or keeps v for the next one. It drops v if a value is
// already there, or if the channel is closed.
func (ch *Chan[T]) offer(v T) {
	ch.mu.Lock()
	if ch.closed {
		ch.mu.Unlock()
		return
	}
	_, w := ch.trySend(v, nil)
	ch.mu.Unlock()
	if w != nil {
		w.wake(nil)
	}
}

// withhold takes back the value that offer has kept, and reports whether there was one.
func (ch *Chan[T]) withhold() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.n == 0 {
		return false
	}
	ch.get()
	return true
}
