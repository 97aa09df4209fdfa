package benchmarks

import (
	"sync"
	"testing"
	"time"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

const (
	sleepers = 100_000
	sleepFor = time.Millisecond
)

// BenchmarkSleepMany starts 100,000 tasks or goroutines, each of which sleeps for 1 ms, and waits
// for all of them. That is one operation. With sleeps=10 each sleeps ten times, and nearly all of
// them are asleep most of the time.
//
// The purpose is cpu-ns/sleep, the processor time of the whole process per sleep, user and system.
// ns/op is the time of one run.
func BenchmarkSleepMany(b *testing.B) {
	if _, ok := cpuTime(); !ok {
		b.Skip("processor time is not known on this system")
	}
	for _, sleeps := range []int{1, under(10, 2)} {
		run(b, goroutines, sleepManyGoroutines(sleeps), key("sleeps", sleeps))
		run(b, heddle, sleepManyHeddle(sleeps), key("sleeps", sleeps))
	}
}

func sleepManyHeddle(sleeps int) row {
	return func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		err := s.Go(func(c *task.Ctx) {
			reportCPU(b, sleepers*sleeps, func() {
				var wg tsync.WaitGroup
				wg.Add(sleepers)
				for range sleepers {
					c.Go(func(c *task.Ctx) {
						for range sleeps {
							// Sleep fails only if the task is cancelled, and none is.
							_ = c.Sleep(sleepFor)
						}
						wg.Done()
					})
				}
				wg.Wait()
			})
		}).Wait()
		mustEqual(b, "error", err, nil)
		mustEqual(b, "tasks", finished(b, s), 1+sleepers*(b.N+1))
	}
}

func sleepManyGoroutines(sleeps int) row {
	return func(b *testing.B, _ int) {
		reportCPU(b, sleepers*sleeps, func() {
			var wg sync.WaitGroup
			wg.Add(sleepers)
			for range sleepers {
				go func() {
					for range sleeps {
						time.Sleep(sleepFor)
					}
					wg.Done()
				}()
			}
			wg.Wait()
		})
	}
}

// reportCPU runs f once to warm up and then b.N times, and reports the processor time of one of the
// n sleeps that f does.
func reportCPU(b *testing.B, n int, f func()) {
	f()
	before, _ := cpuTime()
	b.ResetTimer()
	for range b.N {
		f()
	}
	b.StopTimer()
	after, _ := cpuTime()
	b.ReportMetric(float64(after-before)/float64(n)/float64(b.N), "cpu-ns/sleep")
}
