package engine

// A napClock gives a worker the times at which it falls asleep and wakes, which divide its life
// into busy and idle time.
//
// Reading the clock takes 35 ns, and a worker may sleep 300,000 times a second. So for only the
// first exactNaps times in one value of the coarse clock the napClock reads it. Then it returns the
// last time again until coarse changes, which takes 10 ms at most while sysmon is awake. That
// counts the whole stretch as busy or idle by what the worker does at the next reading. It is
// right on average, like the accounting of operating systems that look at each tick.
type napClock struct {
	coarse uint32 // coarse at the last reading
	n      int    // readings in that value of coarse
	last   int64  // the last reading
}

// exactNaps lets a worker that handles a thousand tasks a second, one at a time, read the clock each
// time: it falls asleep and wakes ten times in 10 ms.
const exactNaps = 32

// now returns the present time of c, or the last time that it has returned. If exact, it is the
// present one.
func (t *napClock) now(c *clock, exact bool) int64 {
	if at := c.coarse.Load(); at != t.coarse {
		t.coarse, t.n = at, 0
	}
	if t.n < exactNaps || exact {
		t.n++
		t.last = c.now()
	}
	return t.last
}
