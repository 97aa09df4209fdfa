// Package stopwatch adds up the times in which a worker is awake and in which it sleeps.
package stopwatch

import "github.com/heddle-go/heddle/internal/atomicx"

// A Watch adds up times. One goroutine at a time starts and stops it, and any may read it. The
// zero Watch is stopped at 0.
type Watch struct {
	// v is one word, so that a reader sees a time and the state that belongs to it. While the
	// Watch is stopped, v is twice the sum. While it runs, v is twice the time at which it
	// would have had to start to show what it does, plus 1.
	v atomicx.Int64
	// seen is the most that a reader has seen. A reader that comes between the writer's look at the
	// clock and its stop sees more than the sum will be.
	seen atomicx.Int64
}

// Start starts the stopwatch at the time now.
func (w *Watch) Start(now int64) { w.v.Store((now-w.v.Load()>>1)<<1 | 1) }

// Stop stops the stopwatch at the time now.
func (w *Watch) Stop(now int64) { w.v.Store((now - w.v.Load()>>1) << 1) }

// running reports whether the stopwatch runs.
func (w *Watch) running() bool { return w.v.Load()&1 != 0 }

// Read returns the sum in nanoseconds. It does not fall from one call to the next.
func (w *Watch) Read(now func() int64) int64 {
	sum := w.compute(now)
	for {
		seen := w.seen.Load()
		if sum <= seen {
			return seen
		}
		if w.seen.CompareAndSwap(seen, sum) {
			return sum
		}
	}
}

// compute returns the sum. If the word has changed meanwhile, the time that it has read may be
// later than the stop, so it reads again.
func (w *Watch) compute(now func() int64) int64 {
	for {
		v := w.v.Load()
		if v&1 == 0 {
			return v >> 1
		}
		if t := now() - v>>1; w.v.Load() == v {
			return t
		}
	}
}
