package tsync

import (
	"time"

	"github.com/heddle-go/heddle/task"
)

// A Timer is one event in the future, with the semantics of Go's time.Timer, on the clock of a scheduler. When it
// expires the time at which it was to do so is sent on C, or the function is called that was given to [AfterFunc].
//
// C behaves as an unbuffered channel that somebody sends to from the moment of expiry until a value was received or the timer
// stopped or reset. So after Stop or Reset has returned no value of before can be received, and Len and Cap of C are
// 0. Receive from it only, in [Chan.Recv], [Select] and the rest; a C that was closed gets no value any more.
//
// Timers expire on time also while all workers compute, as long as the tasks checkpoint. When the scheduler is closed, those that
// are pending never expire, and hold nothing: wait for C under a context. Shutdown does not wait for a timer.
type Timer struct {
	_ noCopy

	C *Chan[time.Time] // nil if made by AfterFunc

	a *alarm
}

// NewTimer makes a timer that expires when d has passed, at once if d is not positive. on is a scheduler or a task's Ctx;
// the timer may outlive the task. NewTimer panics if it is anything else.
func NewTimer(on task.Starter, d time.Duration) *Timer {
	t := &Timer{C: newTimeChan()}
	t.a = newAlarm(on, func(late time.Duration) { t.C.offer(t.a.now().Add(-late)) }, t.C.withhold)
	t.a.set(d, 0)
	return t
}

// After returns a channel on which the time is sent when d has passed. It is NewTimer(on, d).C: use that if the timer is to be
// stopped.
func After(on task.Starter, d time.Duration) *Chan[time.Time] { return NewTimer(on, d).C }

// AfterFunc makes a timer that, when d has passed, starts f as a task of the scheduler that on stands for. Its C is
// nil. While the scheduler shuts down, f is still started as long as there are tasks that have not ended.
func AfterFunc(on task.Starter, d time.Duration, f func(c *task.Ctx)) *Timer {
	if f == nil {
		panic("tsync: AfterFunc with a nil function")
	}
	t := &Timer{}
	t.a = newAlarm(on, func(time.Duration) { t.a.start(f) }, nil)
	t.a.set(d, 0)
	return t
}

// Stop prevents the timer from expiring. It reports true if it does so, also if the timer has expired but its value was not
// received and now cannot be any more; false if the value was received, the function's task was started, or the timer was stopped
// before. It does not wait for the function of AfterFunc. It never waits and may be called from anywhere. It
// panics if the timer was not made by NewTimer or AfterFunc.
func (t *Timer) Stop() bool {
	if t.a == nil {
		panic("tsync: Stop of a Timer that was not made by NewTimer or AfterFunc")
	}
	return t.a.stop()
}

// Reset has the timer expire when d has passed from now, whatever state it is in. It reports what Stop would have. A function
// of AfterFunc may so be started while an earlier one still runs.
func (t *Timer) Reset(d time.Duration) bool {
	if t.a == nil {
		panic("tsync: Reset of a Timer that was not made by NewTimer or AfterFunc")
	}
	return t.a.set(d, 0)
}

// newTimeChan makes the channel of a timer.
func newTimeChan() *Chan[time.Time] {
	ch := NewChan[time.Time](1)
	ch.hidden = true
	return ch
}

// offer sends v if somebody receives, or keeps it for who comes, unless there is one already.
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

// withhold takes back what was offered, and reports whether there was anything.
func (ch *Chan[T]) withhold() bool {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.n == 0 {
		return false
	}
	ch.get()
	return true
}
