package tsync

import (
	"fmt"
	"time"

	"github.com/heddle-go/heddle/task"
)

// A Ticker sends the time on C again and again, with the semantics of Go's time.Ticker, on the clock of a scheduler. Ticks
// that a slow receiver has no time for are dropped: at most one waits to be received. For the rest C is as that of a
// [Timer].
//
// A ticker that is not stopped stays until the scheduler is closed.
type Ticker struct {
	_ noCopy

	C *Chan[time.Time]

	a *alarm
}

// NewTicker makes a ticker whose ticks come when d, 2d, 3d and so on have passed since now. on is a scheduler or a task's
// Ctx; the ticker may outlive the task. NewTicker panics if on is anything else, and if d is not positive.
func NewTicker(on task.Starter, d time.Duration) *Ticker {
	if d <= 0 {
		panic(fmt.Sprintf("tsync: NewTicker(%v): want an interval above 0", d))
	}
	t := &Ticker{C: newTimeChan()}
	t.a = newAlarm(on, func(late time.Duration) { t.C.offer(t.a.now().Add(-late)) }, t.C.withhold)
	t.a.set(d, d)
	return t
}

// Stop turns the ticker off: no tick can be received any more. It does not close C. It never waits and may be called from
// anywhere.
func (t *Ticker) Stop() {
	if t.a != nil { // as Go's
		t.a.stop()
	}
}

// Reset stops the ticker and has ticks come when d, 2d and so on have passed since now. It panics if d is not
// positive, or the ticker was not made by NewTicker.
func (t *Ticker) Reset(d time.Duration) {
	if d <= 0 {
		panic(fmt.Sprintf("tsync: Ticker.Reset(%v): want an interval above 0", d))
	}
	if t.a == nil {
		panic("tsync: Reset of a Ticker that was not made by NewTicker")
	}
	t.a.set(d, d)
}
