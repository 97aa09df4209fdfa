package rt

import "github.com/heddle-go/heddle/internal/atomicx"

// Runs counts a task's dispatches, and how long the task has run. The worker that has the task in
// its hands writes it; the queue through which the task goes to the next worker orders the writes.
// Any goroutine reads it.
//
// ran has the time in one word, so that no reader sees half of a change. While the task does not
// run, ran is the time in nanoseconds that the task has run in all. While it runs, ran is that time
// minus the time at which the dispatch began, minus 1. That is below 0, because no task has run for
// longer than the scheduler's clock has.
type Runs struct {
	n   atomicx.Uint64
	ran atomicx.Int64
}

// Begin notes that a dispatch begins. now is the time of the scheduler's clock, 0 or more.
func (r *Runs) Begin(now int64) {
	r.n.Store(r.n.Load() + 1)
	r.Resume(now)
}

// Resume notes that the task runs again, in the dispatch in which Stop was called.
func (r *Runs) Resume(now int64) {
	if t := r.ran.Load(); t >= 0 {
		r.ran.Store(t - now - 1)
	}
}

// Stop notes that the task no longer runs. The caller has not queued it yet.
func (r *Runs) Stop(now int64) {
	if t := r.ran.Load(); t < 0 {
		r.ran.Store(max(0, t+now+1))
	}
}

// A RunTime is the time that a task has run, read at one moment.
type RunTime int64

// Load returns the number of dispatches and the time so far.
func (r *Runs) Load() (n uint64, t RunTime) { return r.n.Load(), RunTime(r.ran.Load()) }

// Running reports whether the task ran when t was read.
func (t RunTime) Running() bool { return t < 0 }

// At returns t in nanoseconds, including the present dispatch until now, which is the time of the
// scheduler's clock.
func (t RunTime) At(now int64) int64 {
	if t.Running() {
		return max(0, int64(t)+now+1)
	}
	return int64(t)
}
