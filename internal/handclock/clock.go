// Package handclock provides a clock that a test turns by hand, for tests of operations that wait
// for a time. It is a scheduler.Clock.
package handclock

import (
	"slices"
	"sync"
	"time"
)

// Start is the time that a new clock shows.
var Start = time.Date(2001, 2, 3, 4, 5, 6, 7, time.UTC)

// A Clock stands still until Advance turns it.
type Clock struct {
	advancing sync.Mutex // held by Advance

	mu     sync.Mutex
	now    time.Time
	alarms []*alarm
}

type alarm struct {
	fire func()
	at   time.Time // zero if not set
}

// New returns a clock that shows Start.
func New() *Clock { return &Clock{now: Start} }

// Now returns the time that the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Since returns the time by which the clock has been turned.
func (c *Clock) Since() time.Duration { return c.Now().Sub(Start) }

// Alarm implements scheduler.Clock.
func (c *Clock) Alarm(fire func()) (set func(at time.Time)) {
	a := &alarm{fire: fire}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.alarms = append(c.alarms, a)
	return func(at time.Time) {
		c.mu.Lock()
		defer c.mu.Unlock()
		a.at = at
	}
}

// Next returns the time until the earliest alarm that is set. If none is set, ok is false.
func (c *Clock) Next() (d time.Duration, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a := c.first(); a != nil {
		return a.at.Sub(c.now), true
	}
	return 0, false
}

func (c *Clock) first() (first *alarm) {
	for _, a := range c.alarms {
		if !a.at.IsZero() && (first == nil || a.at.Before(first.at)) {
			first = a
		}
	}
	return first
}

// Advance turns the clock by d. On its way it stops at each time at which an alarm is due. When
// Advance returns, all alarms that were due have fired.
func (c *Clock) Advance(d time.Duration) {
	c.advancing.Lock()
	defer c.advancing.Unlock()
	c.mu.Lock()
	to := c.now.Add(d)
	for {
		a := c.first()
		if a == nil || a.at.After(to) {
			break
		}
		c.now = slices.MaxFunc([]time.Time{c.now, a.at}, time.Time.Compare)
		a.at = time.Time{}
		c.mu.Unlock()
		a.fire()
		c.mu.Lock()
	}
	c.now = to
	c.mu.Unlock()
}
