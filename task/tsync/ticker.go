package tsync

import (
	"fmt"
	"time"

	"github.com/heddle-go/heddle/task"
)

// A Ticker sends the time on C again and again, with the semantics of Go's time.Ticker, by the
// clock of a scheduler. If a receiver is slow, the ticker drops ticks, so at most one tick waits to
// be received. Otherwise C behaves like the channel of a [Timer].
//
// A ticker that is not stopped stays until the scheduler is closed.
type Ticker struct {
	_ noCopy

	C *Chan[time.Time]

	a *alarm
}

// NewTicker makes a ticker that ticks when d, 2d, 3d and so on have passed from now. on is a
// scheduler or a task's Ctx. The ticker may outlive the task. NewTicker panics if on is anything
// else, or if d is not positive.
func NewTicker(on task.Starter, d time.Duration) *Ticker {
	if d <= 0 {
		panic(fmt.Sprintf("tsync: NewTicker(%v): want an interval above 0", d))
	}
	t := &Ticker{C: newTimeChan()}
	t.a = newAlarm(on, func(late time.Duration) { t.C.offer(t.a.now().Add(-late)) }, t.C.withhold)
	t.a.set(d, d)
	return t
}

// Stop turns the ticker off. After Stop has returned, no tick can be received. Stop does not close
// C. It never waits, and any task or goroutine may call it.
func (t *Ticker) Stop() {
	point()
	if t.a != nil { // Go's Stop does nothing either
		t.a.stop()
	}
}

// Reset stops the ticker and makes it tick when d, 2d and so on have passed from now. It never
// waits, and any task or goroutine may call it. Reset panics if d is not positive, or if the ticker
// was not made by NewTicker.
func (t *Ticker) Reset(d time.Duration) {
	point()
	if d <= 0 {
		panic(fmt.Sprintf("tsync: Ticker.Reset(%v): want an interval above 0", d))
	}
	if t.a == nil {
		panic("tsync: Reset of a Ticker that was not made by NewTicker")
	}
	t.a.set(d, d)
}
