package scheduler

import "github.com/heddle-go/heddle/internal/atomicx"

// A stopwatch adds up times. One goroutine at a time starts and stops it, and any may read it. The
// zero stopwatch is stopped at 0.
//
// It is one word, so that a reader sees a time that has passed and the state that belongs to it:
// while it is stopped, twice the sum; while it runs, twice the time at which it would have had to
// start to show what it does, plus 1.
type stopwatch struct{ v atomicx.Int64 }

func (w *stopwatch) start(now int64) { w.v.Store((now-w.v.Load()>>1)<<1 | 1) }

func (w *stopwatch) stop(now int64) { w.v.Store((now - w.v.Load()>>1) << 1) }

// read returns the sum, of whole nanoseconds. It does not fall from one call to the next: between the
// two loads of an equal word the stopwatch was running all the time, so the sum that it shows when it
// stops is not less.
func (w *stopwatch) read(now func() int64) int64 {
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
