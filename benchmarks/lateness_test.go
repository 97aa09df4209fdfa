package benchmarks

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// latenessOf is the length of each sleep.
const latenessOf = time.Millisecond

// BenchmarkTimerLateness measures how late a Sleep(1 ms) returns beside hogs that keep all workers
// busy. p50-ns and p99-ns run from the time at which the sleep should end to the time at which its
// task or goroutine runs. ns/op is their mean.
//
// Heddle's hogs reach a checkpoint every microsecond, under a quantum of 1 ms and under the default
// one. The hogs of goroutines with style=gosched call runtime.Gosched each millisecond. With hogs=1
// there is one hog for each worker, so all hogs run and none is queued. With hogs=4 other hogs are
// queued when the sleeper becomes runnable.
func BenchmarkTimerLateness(b *testing.B) {
	for _, hogs := range []int{1, 4} {
		run(b, goroutines, latenessGoroutines(hogs, false), key("hogs", hogs))
		run(b, goroutines, latenessGoroutines(hogs, true), key("hogs", hogs), "style=gosched")
		for _, q := range hogQuanta {
			run(b, heddle, latenessHeddle(hogs, q.opts), key("hogs", hogs), q.key)
		}
	}
}

func latenessHeddle(perWorker int, opts []scheduler.Option) row {
	return func(b *testing.B, workers int) {
		s := newScheduler(b, workers, opts...)
		stop := startHogs(b, s, perWorker*workers)
		var l latencies
		b.ResetTimer()
		err := s.Go(func(c *task.Ctx) {
			// Sleep fails only if the task is cancelled, and none is.
			l = lateness(b, func() { _ = c.Sleep(latenessOf) })
		}).Wait()
		b.StopTimer()
		mustEqual(b, "error", err, nil)
		stop()
		l.report(b)
	}
}

func latenessGoroutines(perWorker int, polite bool) row {
	return func(b *testing.B, workers int) {
		stop := startHogGoroutines(perWorker*workers, polite, nil)
		var l latencies
		b.ResetTimer()
		done := make(chan struct{})
		go func() {
			l = lateness(b, func() { time.Sleep(latenessOf) })
			close(done)
		}()
		<-done
		b.StopTimer()
		stop()
		l.report(b)
	}
}

// lateness sleeps b.N times and returns how late each sleep was.
func lateness(b *testing.B, sleep func()) latencies {
	l := make(latencies, 0, b.N)
	for range b.N {
		due := time.Now().Add(latenessOf)
		sleep()
		l = append(l, time.Since(due))
	}
	return l
}
