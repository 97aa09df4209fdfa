package benchmarks

import (
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// latenessOf is how long the sleeper sleeps each time.
const latenessOf = time.Millisecond

// BenchmarkTimerLateness measures how late a Sleep(1 ms) returns beside hogs that keep all workers busy: p50-ns and
// p99-ns are from the moment at which it was to return to the moment at which its task (goroutine) runs; ns/op is
// their mean.
//
// Heddle's hogs checkpoint every microsecond, under a quantum of 1 ms or the default one. Those of goroutines with style=gosched
// call runtime.Gosched each millisecond. hogs=1 is one hog per worker: all are on
// workers, and none waits. With hogs=4 others are runnable as well when the sleeper becomes so.
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
			l = lateness(b, func() { _ = c.Sleep(latenessOf) }) // nothing cancels it
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

// lateness sleeps b.N times and returns how late it was each time.
func lateness(b *testing.B, sleep func()) latencies {
	l := make(latencies, 0, b.N)
	for range b.N {
		due := time.Now().Add(latenessOf)
		sleep()
		l = append(l, time.Since(due))
	}
	return l
}
