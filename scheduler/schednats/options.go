package schednats

import (
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/heddle-go/heddle/scheduler"
)

// MaxPrefetch is the largest Options.Prefetch.
const MaxPrefetch = 1 << 16

// Options are the options of [Queue.Serve]. The zero value works well.
type Options struct {
	// Prefetch bounds the jobs that Serve holds, queued, running or waiting to be recorded: 1 to
	// MaxPrefetch. Give the scheduler the same number in scheduler.WithQueueLimit, with the policy
	// scheduler.Block, so that one number bounds the process. The default is 4 for each worker of
	// the scheduler. More hides a longer way to the server; less spreads a small backlog better.
	Prefetch int
	// MaxDeliver is how many times a job is delivered before it becomes a dead letter, at least 1.
	// Every delivery counts, also one to a process that died, or that handed the job back because
	// it drained or its pool was full. The default is 5.
	MaxDeliver int
	// Backoff is how long a job waits on the server after its delivery number n, from 1, failed.
	// The default is 100 ms, doubled for each delivery, up to 10 s.
	Backoff func(n int) time.Duration
	// Timeout cancels the task of a job with the cause [context.DeadlineExceeded] this long after
	// its handler was called. 0, the default, means never. The server gets no signs of life any
	// more when another Config.AckWait is over, so the job is delivered again even if its handler
	// hangs.
	Timeout time.Duration
	// DrainTimeout bounds how long Serve goes on after its context has ended. The default is 30 s.
	DrainTimeout time.Duration
	// OnError is told about failures that Serve goes on after: of the connection, the server, a
	// handler. It is called on several goroutines and by tasks, and must not block. The default
	// logs them with slog.
	OnError func(err error)
	// Counters, if not nil, counts what Serve does.
	Counters *Counters
}

func (o *Options) check(sched *scheduler.Scheduler) error {
	if o.Prefetch == 0 {
		o.Prefetch = min(4*sched.Workers(), MaxPrefetch)
	}
	if o.MaxDeliver == 0 {
		o.MaxDeliver = 5
	}
	if o.Backoff == nil {
		o.Backoff = func(n int) time.Duration {
			return doubled(100*time.Millisecond, 10*time.Second, n)
		}
	}
	if o.DrainTimeout == 0 {
		o.DrainTimeout = 30 * time.Second
	}
	if o.OnError == nil {
		o.OnError = func(err error) { slog.Warn("schednats", "err", err) }
	}
	if o.Counters == nil {
		o.Counters = new(Counters)
	}
	switch {
	case o.Prefetch < 1 || o.Prefetch > MaxPrefetch:
		return fmt.Errorf("schednats: Options.Prefetch is %d, want 1 to %d", o.Prefetch, MaxPrefetch)
	case o.MaxDeliver < 1:
		return fmt.Errorf("schednats: Options.MaxDeliver is %d, want at least 1", o.MaxDeliver)
	case o.Timeout < 0:
		return fmt.Errorf("schednats: Options.Timeout is %v, want at least 0", o.Timeout)
	case o.DrainTimeout < 0:
		return fmt.Errorf("schednats: Options.DrainTimeout is %v, want at least 0", o.DrainTimeout)
	}
	return nil
}

// doubled returns base, doubled for each n after the first, and at most top.
func doubled(base, top time.Duration, n int) time.Duration {
	for ; n > 1 && base < top; n-- {
		base *= 2
	}
	return min(base, top)
}

// Counters count what happens to jobs in Serve. Any goroutine may read them at any time.
type Counters struct {
	Delivered   atomic.Int64 // jobs that came
	Redelivered atomic.Int64 // of those, not for the first time
	Executed    atomic.Int64 // handler calls that ended, in whatever way
	Recorded    atomic.Int64 // outcomes recorded
	// Refused counts outcomes that were refused because there was one already. A process's own
	// outcome is counted here if the server's confirmation was lost and Serve had to ask again.
	Refused    atomic.Int64
	Failed     atomic.Int64 // handler calls that failed, and were handed back with a back-off
	Dead       atomic.Int64 // dead letters
	Dropped    atomic.Int64 // jobs of dropped batches
	HandedBack atomic.Int64 // jobs handed back before they began
	Held       atomic.Int64 // jobs held now
}
