package benchmarks

import (
	"runtime"
	"sync"
	"sync/atomic"
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
// Heddle's hogs checkpoint every microsecond, under a quantum of 1 ms. hogs=1 is one hog per worker: all are on
// workers, and none waits. With hogs=4 others are runnable as well when the sleeper becomes so.
func BenchmarkTimerLateness(b *testing.B) {
	for _, hogs := range []int{1, 4} {
		run(b, goroutines, latenessGoroutines(hogs), key("hogs", hogs))
		run(b, heddle, latenessHeddle(hogs), key("hogs", hogs))
	}
}

func latenessHeddle(perWorker int) row {
	return func(b *testing.B, workers int) {
		s := newScheduler(b, workers, scheduler.WithQuantum(hogQuantum))
		var stopped atomic.Bool
		var begun sync.WaitGroup
		hogs := make([]task.Task, perWorker*workers)
		begun.Add(len(hogs))
		for i := range hogs {
			hogs[i] = s.Go(func(c *task.Ctx) {
				begun.Done()
				x := uint64(i)
				for !stopped.Load() {
					x = burn(x)
					c.Checkpoint()
				}
				runtime.KeepAlive(x)
			})
		}
		begun.Wait()
		var l latencies
		b.ResetTimer()
		err := s.Go(func(c *task.Ctx) {
			l = lateness(b, func() { _ = c.Sleep(latenessOf) }) // nobody cancels
		}).Wait()
		b.StopTimer()
		mustEqual(b, "error", err, nil)
		stopped.Store(true)
		for _, t := range hogs {
			mustEqual(b, "error of a hog", t.Wait(), nil)
		}
		l.report(b)
	}
}

func latenessGoroutines(perWorker int) row {
	return func(b *testing.B, workers int) {
		var stopped atomic.Bool
		var begun, hogs sync.WaitGroup
		begun.Add(perWorker * workers)
		for i := range perWorker * workers {
			hogs.Go(func() {
				begun.Done()
				x := uint64(i)
				for !stopped.Load() {
					x = burn(x)
				}
				runtime.KeepAlive(x)
			})
		}
		begun.Wait()
		var l latencies
		b.ResetTimer()
		done := make(chan struct{})
		go func() {
			l = lateness(b, func() { time.Sleep(latenessOf) })
			close(done)
		}()
		<-done
		b.StopTimer()
		stopped.Store(true)
		hogs.Wait()
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
