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

const (
	hogsPerWorker = 4
	hogQuantum    = time.Millisecond
	hogGap        = time.Millisecond // between two short tasks
	hogSteps      = 750              // of the loop in burn: about 1 us
)

// BenchmarkHog measures a short task beside four hogs per worker that checkpoint every
// microsecond. p50-ns and p99-ns are from just before the submission to the end of
// the short task's function; ns/op is their mean.
//
// from=goroutine: an ordinary goroutine submits and waits. from=task: a task does; for
// goroutines there is no difference. The submitter sleeps between two submissions, and has to
// get a turn beside the hogs as well. So due-p50-ns and due-p99-ns are from the
// moment when its sleep was to end to the moment when it has seen the short task's end: what
// somebody outside of the program would see.
//
// from=hog: one of the hogs submits, and goes on computing. Nobody waits, and nothing has to be
// due: p50-ns and p99-ns are what a short unit of work waits for its turn beside hogs.
//
// For the others, read the two pairs together. A goroutine that starts another and then blocks hands its P over to
// that one, whose wait the first pair counts and which is therefore nearly nothing; the hogs are felt
// before, by the submitter, and show in the second pair.
func BenchmarkHog(b *testing.B) {
	for _, from := range []string{"from=goroutine", "from=task"} {
		run(b, goroutines, hogGoroutines, from)
		if from == "from=task" {
			run(b, heddle, hogFromTask, from)
		} else {
			run(b, heddle, hogFromGoroutine, from)
		}
	}
	run(b, goroutines, hogFromHogGoroutines, "from=hog")
	run(b, heddle, hogFromHog, "from=hog")
}

// A feeder submits b.N short units from within a hog's loop, one each hogGap, and collects their
// latencies.
type feeder struct {
	n, sent int
	last    time.Time
	got     chan time.Duration
}

func newFeeder(b *testing.B) *feeder {
	return &feeder{n: b.N, last: time.Now(), got: make(chan time.Duration, b.N)}
}

// step is called by one hog at each step of its loop.
func (f *feeder) step(submit func(fn func())) {
	if f.sent == f.n {
		return
	}
	now := time.Now()
	if now.Sub(f.last) < hogGap {
		return
	}
	f.last = now
	f.sent++
	submit(func() { f.got <- time.Since(now) })
}

func (f *feeder) collect(b *testing.B) {
	r := make(latencies, 0, f.n)
	for range f.n {
		r = append(r, <-f.got)
	}
	b.StopTimer()
	mustEqual(b, "short tasks", len(r), b.N)
	r.report(b)
}

func hogFromHog(b *testing.B, workers int) {
	s := newScheduler(b, workers, scheduler.WithQuantum(hogQuantum))
	f := newFeeder(b)
	var stopped atomic.Bool
	hogs := make([]task.Task, hogsPerWorker*workers)
	b.ResetTimer()
	for i := range hogs {
		hogs[i] = s.Go(func(c *task.Ctx) {
			x := uint64(i)
			for !stopped.Load() {
				x = burn(x)
				c.Checkpoint()
				if i == 0 {
					f.step(func(fn func()) { c.Go(func(*task.Ctx) { fn() }) })
				}
			}
			runtime.KeepAlive(x)
		})
	}
	f.collect(b)
	stopped.Store(true)
	for _, t := range hogs {
		mustEqual(b, "error of a hog", t.Wait(), nil)
	}
}

func hogFromHogGoroutines(b *testing.B, workers int) {
	f := newFeeder(b)
	var stopped atomic.Bool
	var hogs sync.WaitGroup
	b.ResetTimer()
	for i := range hogsPerWorker * workers {
		hogs.Go(func() {
			x := uint64(i)
			for !stopped.Load() {
				x = burn(x)
				if i == 0 {
					f.step(func(fn func()) { go fn() })
				}
			}
			runtime.KeepAlive(x)
		})
	}
	f.collect(b)
	stopped.Store(true)
	hogs.Wait()
}

// A hogRun holds what a run measures.
type hogRun struct {
	inside latencies // submission to end of the task
	due    latencies // end of the pause to the waiter
}

func newHogRun(b *testing.B) *hogRun {
	return &hogRun{make(latencies, 0, b.N), make(latencies, 0, b.N)}
}

func (r *hogRun) add(due, submitted, ended time.Time) {
	r.inside = append(r.inside, ended.Sub(submitted))
	r.due = append(r.due, time.Since(due))
}

func (r *hogRun) report(b *testing.B) {
	mustEqual(b, "short tasks", len(r.inside), b.N)
	r.inside.report(b)
	r.due.reportQuantiles(b, "due-")
}

// burn computes for about 1 us.
func burn(x uint64) uint64 {
	for range hogSteps {
		x = x*6364136223846793005 + 1442695040888963407
	}
	return x
}

// startHogs starts the hogs of the scheduler and returns when all have begun.
func startHogs(b *testing.B, s *scheduler.Scheduler, workers int) (stop func()) {
	var stopped atomic.Bool
	var begun sync.WaitGroup
	hogs := make([]task.Task, hogsPerWorker*workers)
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
	return func() {
		stopped.Store(true)
		for _, t := range hogs {
			mustEqual(b, "error of a hog", t.Wait(), nil)
		}
	}
}

func hogFromGoroutine(b *testing.B, workers int) {
	s := newScheduler(b, workers, scheduler.WithQuantum(hogQuantum))
	stop := startHogs(b, s, workers)
	r := newHogRun(b)
	b.ResetTimer()
	for range b.N {
		due := time.Now().Add(hogGap)
		time.Sleep(hogGap)
		var ended time.Time
		submitted := time.Now()
		t := s.Go(func(*task.Ctx) { ended = time.Now() })
		mustEqual(b, "error", t.Wait(), nil)
		r.add(due, submitted, ended)
	}
	b.StopTimer()
	stop()
	r.report(b)
}

func hogFromTask(b *testing.B, workers int) {
	s := newScheduler(b, workers, scheduler.WithQuantum(hogQuantum))
	stop := startHogs(b, s, workers)
	r := newHogRun(b)
	b.ResetTimer()
	err := s.Go(func(c *task.Ctx) {
		for range b.N {
			due := time.Now().Add(hogGap)
			_ = c.Sleep(hogGap) // nobody cancels
			var ended time.Time
			submitted := time.Now()
			t := c.Go(func(*task.Ctx) { ended = time.Now() })
			_ = t.Wait()
			r.add(due, submitted, ended)
		}
	}).Wait()
	b.StopTimer()
	mustEqual(b, "error", err, nil)
	stop()
	r.report(b)
}

func hogGoroutines(b *testing.B, workers int) {
	var stopped atomic.Bool
	var begun, hogs sync.WaitGroup
	begun.Add(hogsPerWorker * workers)
	for i := range hogsPerWorker * workers {
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
	r := newHogRun(b)
	done := make(chan struct{})
	b.ResetTimer()
	for range b.N {
		due := time.Now().Add(hogGap)
		time.Sleep(hogGap)
		var ended time.Time
		submitted := time.Now()
		go func() {
			ended = time.Now()
			done <- struct{}{}
		}()
		<-done
		r.add(due, submitted, ended)
	}
	b.StopTimer()
	stopped.Store(true)
	hogs.Wait()
	r.report(b)
}
