package benchmarks

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// BenchmarkBlocking measures one blocking call of an empty function, by a unit that does nothing
// else. Heddle uses task.Ctx.Blocking. impl=goroutines starts a goroutine that calls the function
// and closes a channel. impl=none only calls the function. With tasks=100, that many units do so at
// the same time.
func BenchmarkBlocking(b *testing.B) {
	for _, units := range []int{1, 100} {
		keys := []string{}
		if units > 1 {
			keys = append(keys, key("tasks", units))
		}
		run(b, goroutines, func(b *testing.B, _ int) { blockingGoroutines(b, units) }, keys...)
		run(b, none, func(b *testing.B, _ int) { blockingNone(b, units) }, keys...)
		for _, p := range []scheduler.Pinning{scheduler.Threads, scheduler.None} {
			ks := keys
			if p != scheduler.Threads {
				ks = append([]string{key("pinning", p)}, keys...)
			}
			run(b, heddle, func(b *testing.B, workers int) { blockingHeddle(b, workers, units, p) }, ks...)
		}
	}
}

func blockingHeddle(b *testing.B, workers, units int, p scheduler.Pinning) {
	s := newScheduler(b, workers, scheduler.WithPinning(p))
	var left, called atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	err := s.Go(func(c *task.Ctx) {
		g := task.NewGroup(c)
		for range units {
			g.Go(func(c *task.Ctx) error {
				for left.Add(-1) >= 0 {
					if err := c.Blocking(func() { called.Add(1) }); err != nil {
						return err
					}
				}
				return nil
			})
		}
		want(b, "error", g.Wait(), nil)
	}).Wait()
	b.StopTimer()
	mustEqual(b, "error", err, nil)
	mustEqual(b, "calls", called.Load(), int64(b.N))
}

func blockingNone(b *testing.B, units int) {
	blockingPlain(b, units, func(f func()) { f() })
}

func blockingGoroutines(b *testing.B, units int) {
	blockingPlain(b, units, func(f func()) {
		done := make(chan struct{})
		go func() {
			f()
			close(done)
		}()
		<-done
	})
}

// blockingPlain makes the calls from goroutines.
func blockingPlain(b *testing.B, units int, call func(f func())) {
	var left, called atomic.Int64
	left.Store(int64(b.N))
	var wg sync.WaitGroup
	b.ResetTimer()
	for range units {
		wg.Go(func() {
			for left.Add(-1) >= 0 {
				call(func() { called.Add(1) })
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	mustEqual(b, "calls", called.Load(), int64(b.N))
}
