package scheduler

import (
	"fmt"
	"time"
)

// A Clock tells a scheduler's timers the time: the timers of Sleep, deadlines, GoAfter and GoEvery,
// and the timers and tickers of package tsync. Quanta and stalls are in real time whatever the
// clock. With [WithClock] it can be a clock that a test turns by hand.
//
// Any goroutine or task may call its methods. They must not park the task or wait for long.
type Clock interface {
	// Now returns the present time. It must not go back.
	Now() time.Time

	// New calls Alarm once. Alarm returns a function, set, by which the scheduler sets the one time
	// at which the clock has to call fire next. Each call of set replaces the time that was set
	// before, and the zero time means none. When Now has reached that time, or later, the clock
	// calls fire once, on any goroutine, and without holding a lock that its other functions take.
	//
	// fire fires all timers that are due by Now, and calls set with the time of the next one before
	// it returns. So a clock that is turned by hand calls fire until no time is set that Now has
	// reached. Then everything that was due has happened: callbacks were called, and tasks are
	// runnable.
	//
	// If Now had already reached a time when it was set, the clock need not call fire, because the
	// scheduler looks at Now itself.
	Alarm(fire func()) (set func(at time.Time))
}

// WithClock replaces the clock of the scheduler's timers. The default is real time.
func WithClock(clock Clock) Option {
	return optionFunc(func(c *config) error {
		if clock == nil {
			return fmt.Errorf("scheduler: WithClock(nil): want a clock; leave the option out for real time")
		}
		c.Clock = clock
		return nil
	})
}
