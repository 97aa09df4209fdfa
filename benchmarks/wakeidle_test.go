package benchmarks

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// idleGap is the pause before each submission: long enough for workers to give up
// searching and for the threads of Go to stop spinning.
const idleGap = 200 * time.Microsecond

// BenchmarkWakeIdle measures from just before the submission to an idle pool, of
// a program that is idle too, to the first thing that the task does. The submitter then
// waits for it.
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
