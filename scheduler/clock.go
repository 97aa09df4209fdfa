package scheduler

import (
	"fmt"
	"time"
)

// A Clock is the time that a scheduler's timers go by: Sleep, what package tsync has of timers,
// deadlines, GoAfter and GoEvery. Quanta and stalls are real time whatever the clock. With
// [WithClock] it can be one that is turned by hand.
//
// Its methods are called by any goroutine, and by tasks, which they must not park or hold up.
type Clock interface {
	// Now returns the present time. It must not go back.
	Now() time.Time

	// Alarm is called once by New. The function that it returns sets the one time at which the
	// clock has to call ring next, instead of what was set before; the zero time means none. The
	// clock calls ring when Now has reached that time, or later, on any goroutine, once, and not
	// while it holds a lock that its other functions take. ring fires all timers that are due by
	// Now, and calls set with the time of the next before it returns; so a clock that is turned by
	// hand rings until nothing is set that Now has reached, and then all that was due has happened:
	// callbacks were called, and tasks are runnable.
	//
	// The clock need not ring for a time that Now had reached already when it was set: the
	// scheduler looks.
	Alarm(fire func()) (set func(at time.Time))
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
