package benchmarks

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// idleGap is the pause before each submission. It is long enough for workers to stop searching and
// for the threads of the Go runtime to stop spinning.
const idleGap = 200 * time.Microsecond

// BenchmarkWakeIdle submits a task to an idle pool in an idle program, and waits for it. ns/op runs
// from just before the submission to the first statement of the task.
func BenchmarkWakeIdle(b *testing.B) {
	run(b, goroutines, wakeIdleGoroutines)
	run(b, heddle, func(b *testing.B, workers int) { wakeIdleHeddle(b, workers, scheduler.Threads) })
	run(b, heddle, func(b *testing.B, workers int) { wakeIdleHeddle(b, workers, scheduler.None) }, "pinning=none")
}

func wakeIdleHeddle(b *testing.B, workers int, pinning scheduler.Pinning) {
	s := newScheduler(b, workers, scheduler.WithPinning(pinning))
	l := make(latencies, 0, b.N)
	b.ResetTimer()
	for range b.N {
		time.Sleep(idleGap)
		var began time.Time
		submitted := time.Now()
		t := s.Go(func(*task.Ctx) { began = time.Now() })
		mustEqual(b, "error", t.Wait(), nil)
		l = append(l, began.Sub(submitted))
	}
	b.StopTimer()
	mustEqual(b, "tasks", finished(b, s), b.N)
	l.report(b)
}

func wakeIdleGoroutines(b *testing.B, _ int) {
	l := make(latencies, 0, b.N)
	done := make(chan struct{})
	b.ResetTimer()
	for range b.N {
		time.Sleep(idleGap)
		var began time.Time
		submitted := time.Now()
		go func() {
			began = time.Now()
			done <- struct{}{}
		}()
		<-done
		l = append(l, began.Sub(submitted))
	}
	l.report(b)
}
