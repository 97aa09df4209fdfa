package scheduler_test

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// Between any two steps of a reader of Tasks, tasks start, wait, wake and end, on the only worker
// and while the pool of descriptors grows. So the reader holds nothing that they need, however
// long it takes for a step. It is a goroutine, or a task that gives way after each step.
func TestTasksHoldsNothingUp(t *testing.T) {
	const parked, children = 300, 130 // more than two chunks of descriptors
	s := open(t, 1, scheduler.WithSites(), scheduler.WithDispatchRing(64))
	for range parked {
		s.Go(func(c *task.Ctx) { _ = c.Park() })
	}
	testkit.Until(t, "all are parked", func() bool { return s.Stats().Waiting == parked })
	round := func() task.Task {
		return s.Go(func(c *task.Ctx) {
			var mu tsync.Mutex
			mu.Lock()
			var all []task.Task
			for range children {
				all = append(all, c.Go(func(c *task.Ctx) {
					mu.Lock()
					defer mu.Unlock()
				}))
			}
			c.Yield()
			mu.Unlock()
			for _, x := range all {
				_ = x.Wait()
			}
		})
	}
	finish(t, "the goroutine", func() {
		seen := 0
		for range s.Tasks() {
			if seen++; seen%10 == 0 {
				was := s.Stats().Finished
				_ = round().Wait()
				testkit.Until(t, "the round is counted", func() bool { return s.Stats().Finished >= was+children })
			}
		}
		require.GreaterOrEqual(t, seen, parked)
	})
	finish(t, "the task", func() {
		_ = s.Go(func(c *task.Ctx) {
			var turns, seen int
			other := c.Go(func(c *task.Ctx) {
				for !c.Cancelled() {
					turns++
					c.Yield()
				}
			})
			for range s.Tasks() {
				seen++
				before := turns
				c.Yield()
				assert.Greater(t, turns, before, "another task had a turn in step %d", seen)
			}
			assert.GreaterOrEqual(t, seen, parked)
			other.Cancel()
			_ = other.Wait()
		}).Wait()
	})
}

// BenchmarkTasksOfAMillion reads a million tasks that wait, on a goroutine, while both workers are
// idle, or busy with tasks that yield. gap-ms is the longest time that a busy task had to wait for
// its worker while the reader read, and alone-ms the same during as long a time without a reader.
func BenchmarkTasksOfAMillion(b *testing.B) {
	const million = 1_000_000
	for _, waits := range []bool{false, true} {
		for _, busy := range []bool{false, true} {
			b.Run(fmt.Sprintf("waits=%v/busy=%v", waits, busy), func(b *testing.B) {
				// Each cycle of the collector looks at a million stacks.
				defer debug.SetGCPercent(debug.SetGCPercent(400))
				var opts []scheduler.Option
				if waits {
					opts = append(opts, scheduler.WithWaits())
				}
				s := open(b, 2, opts...)
				for range million {
					s.Go(func(c *task.Ctx) { _ = c.Park() })
				}
				testkit.Until(b, "all are parked", func() bool { return s.Stats().Waiting == million })
				var stop atomic.Bool
				defer stop.Store(true)
				var gaps [2]atomic.Int64
				for i := range gaps {
					if !busy {
						break
					}
					s.Go(func(c *task.Ctx) {
						for last := time.Now(); !stop.Load(); {
							c.Yield()
							now := time.Now()
							gaps[i].Store(max(gaps[i].Load(), int64(now.Sub(last))))
							last = now
						}
					})
				}
				longest := func() float64 {
					return float64(max(gaps[0].Swap(0), gaps[1].Swap(0))) / 1e6
				}
				longest()
				b.ResetTimer()
				for range b.N {
					n := 0
					for range s.Tasks() {
						n++
					}
					if n < million {
						b.Fatalf("%d tasks", n)
					}
				}
				b.StopTimer()
				with := longest()
				time.Sleep(b.Elapsed())
				b.ReportMetric(with, "gap-ms")
				b.ReportMetric(longest(), "alone-ms")
			})
		}
	}
}
