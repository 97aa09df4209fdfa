package benchmarks

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/benchmarks/harness"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// timersPending are the values of pending=.
var timersPending = []int{1, 100, 10_000, 100_000}

// BenchmarkTimers measures arming a timer and stopping it, beside as many pending timers as
// pending= says. All timers are due in an hour or two, at times in no order, so none expires.
func BenchmarkTimers(b *testing.B) {
	for _, n := range timersPending {
		run(b, goroutines, func(b *testing.B, _ int) {
			armAndStop(
				b,
				n,
				func(d time.Duration) stopper { return time.AfterFunc(d, func() {}) },
			)
		}, key("pending", n))
		run(b, heddle, func(b *testing.B, workers int) {
			s := newScheduler(b, workers)
			err := s.Go(func(c *task.Ctx) {
				armAndStop(b, n, func(d time.Duration) stopper {
					return tsync.AfterFunc(c, d, func(*task.Ctx) {})
				})
			}).Wait()
			mustEqual(b, "error", err, nil)
		}, key("pending", n))
	}
}

type stopper interface{ Stop() bool }

// armAndStop makes pending timers, times b.N others, and stops all of them.
func armAndStop(b *testing.B, pending int, arm func(d time.Duration) stopper) {
	x := uint64(0)
	due := func() time.Duration {
		x = harness.Steps(x, 1)
		return time.Hour + time.Duration(x%uint64(time.Hour))
	}
	others := make([]stopper, pending)
	for i := range others {
		others[i] = arm(due())
	}
	b.ResetTimer()
	for range b.N {
		want(b, "stopped", arm(due()).Stop(), true)
	}
	b.StopTimer()
	for _, t := range others {
		want(b, "stopped", t.Stop(), true)
	}
}
