package benchmarks

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-go/heddle/benchmarks/harness"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

const (
	hogsPerWorker = 4
	hogQuantum    = time.Millisecond
	hogGap        = time.Millisecond // between two short tasks
	hogSteps      = harness.StepsPerMicrosecond
)

// BenchmarkHog measures a short task beside four hogs per worker, which reach a checkpoint every
// microsecond. p50-ns and p99-ns run from just before the submission to the end of the short task's
// function. ns/op is their mean.
//
// from=goroutine: an ordinary goroutine submits the task and waits for it. from=task: a task does
// so. For goroutines the two are the same. The submitter sleeps between two submissions, and must
// get its own turn beside the hogs as well. So due-p50-ns and due-p99-ns run from the time at which
// its sleep should end to the time at which it sees the end of the short task. An observer outside
// the program would see these latencies.
//
// from=hog: one of the hogs submits the task and goes on computing. No unit waits for the task, so
// there are no due times. p50-ns and p99-ns tell how long a short unit of work waits for its turn
// beside hogs.
//
// For from=goroutine and from=task, read the two pairs of latencies together. A goroutine that
// starts another one and then blocks hands its P over to it. So the first pair, which counts the
// wait of the started one, is nearly nothing for goroutines. Their submitter has waited for the
// hogs before that, and this shows in the second pair.
//
// Only the Go runtime interrupts the hogs of goroutines. With style=gosched they also call
// runtime.Gosched each millisecond, as a careful author would have them do. Heddle runs with a
// quantum of 1 ms and with the default one.
func BenchmarkHog(b *testing.B) {
	for _, polite := range []bool{false, true} {
		var style []string
		if polite {
			style = []string{"style=gosched"}
		}
		for _, from := range []string{"from=goroutine", "from=task"} {
			run(b, goroutines, hogGoroutines(polite), append([]string{from}, style...)...)
		}
		run(b, goroutines, hogFromHogGoroutines(polite), append([]string{"from=hog"}, style...)...)
	}
	for _, q := range hogQuanta {
		run(b, heddle, hogFromGoroutine(q.opts), "from=goroutine", q.key)
		run(b, heddle, hogFromTask(q.opts), "from=task", q.key)
		run(b, heddle, hogFromHog(q.opts), "from=hog", q.key)
	}
}

// hogQuanta are the quanta of heddle that are measured.
var hogQuanta = []struct {
	key  string
	opts []scheduler.Option
}{{key("quantum", hogQuantum), []scheduler.Option{scheduler.WithQuantum(hogQuantum)}}, {"quantum=default", nil}}

// A feeder submits b.N short units from a hog's loop, one each hogGap, and collects their
// latencies.
type feeder struct {
	n, sent int
	last    time.Time
	got     chan time.Duration
}

func newFeeder(b *testing.B) *feeder {
	return &feeder{n: b.N, last: time.Now(), got: make(chan time.Duration, b.N)}
}

// step is called by one hog in each iteration of its loop.
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

func hogFromHog(opts []scheduler.Option) row {
	return func(b *testing.B, workers int) { hogFromHogOf(b, newScheduler(b, workers, opts...), workers) }
}

func hogFromHogOf(b *testing.B, s *scheduler.Scheduler, workers int) {
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

func hogFromHogGoroutines(polite bool) row {
	return func(b *testing.B, workers int) {
		f := newFeeder(b)
		b.ResetTimer()
		stop := startHogGoroutines(hogsPerWorker*workers, polite, func() { f.step(func(fn func()) { go fn() }) })
		f.collect(b)
		stop()
	}
}

// A hogRun holds the latencies of one run.
type hogRun struct {
	inside latencies // from the submission to the end of the task
	due    latencies // from the end of the pause to the end of the wait
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
func burn(x uint64) uint64 { return harness.Steps(x, hogSteps) }

// startHogs starts n hogs on the scheduler and returns when all have begun.
func startHogs(b *testing.B, s *scheduler.Scheduler, n int) (stop func()) {
	var stopped atomic.Bool
	var begun sync.WaitGroup
	hogs := make([]task.Task, n)
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

func hogFromGoroutine(opts []scheduler.Option) row {
	return func(b *testing.B, workers int) { hogFromGoroutineTo(b, newScheduler(b, workers, opts...), workers) }
}

func hogFromGoroutineTo(b *testing.B, s *scheduler.Scheduler, workers int) {
	stop := startHogs(b, s, hogsPerWorker*workers)
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

func hogFromTask(opts []scheduler.Option) row {
	return func(b *testing.B, workers int) { hogFromTaskOf(b, newScheduler(b, workers, opts...), workers) }
}

func hogFromTaskOf(b *testing.B, s *scheduler.Scheduler, workers int) {
	stop := startHogs(b, s, hogsPerWorker*workers)
	r := newHogRun(b)
	b.ResetTimer()
	err := s.Go(func(c *task.Ctx) {
		for range b.N {
			due := time.Now().Add(hogGap)
			_ = c.Sleep(hogGap) // fails only if the task is cancelled, and none is
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

// startHogGoroutines starts n hogs on goroutines and returns when all have begun. The first hog
// calls step in each iteration, unless step is nil. Polite hogs call runtime.Gosched each
// hogQuantum. To know when, they read the clock every 50 us.
func startHogGoroutines(n int, polite bool, step func()) (stop func()) {
	var stopped atomic.Bool
	var begun, hogs sync.WaitGroup
	begun.Add(n)
	for i := range n {
		hogs.Go(func() {
			begun.Done()
			x := uint64(i)
			last := time.Now()
			for k := 1; !stopped.Load(); k++ {
				x = burn(x)
				if i == 0 && step != nil {
					step()
				}
				if polite && k%50 == 0 && time.Since(last) >= hogQuantum {
					runtime.Gosched()
					last = time.Now()
				}
			}
			runtime.KeepAlive(x)
		})
	}
	begun.Wait()
	return func() {
		stopped.Store(true)
		hogs.Wait()
	}
}

func hogGoroutines(polite bool) row {
	return func(b *testing.B, workers int) {
		stop := startHogGoroutines(hogsPerWorker*workers, polite, nil)
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
		stop()
		r.report(b)
	}
}
