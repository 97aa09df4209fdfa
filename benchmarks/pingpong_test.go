package benchmarks

import (
	"runtime"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// BenchmarkPingPong measures one round trip between two units. Tasks use Park and Ready. Goroutines
// and threads use two unbuffered channels. With style=cond, goroutines wait on a sync.Cond, which
// comes closest to Park and Ready.
func BenchmarkPingPong(b *testing.B) {
	run(b, goroutines, func(b *testing.B, _ int) { pingPongChannels(b, func() {}) })
	run(b, goroutines, func(b *testing.B, _ int) { pingPongCond(b) }, "style=cond")
	run(b, heddle, func(b *testing.B, workers int) { pingPongHeddle(b, workers, scheduler.Threads) })
	run(b, heddle, func(b *testing.B, workers int) { pingPongHeddle(b, workers, scheduler.None) }, "pinning=none")
	run(b, threads, func(b *testing.B, _ int) { pingPongChannels(b, runtime.LockOSThread) })
}

func pingPongHeddle(b *testing.B, workers int, pinning scheduler.Pinning) {
	s := newScheduler(b, workers, scheduler.WithPinning(pinning))
	var ping task.Task // written before the first Ready
	hits := 0          // only the task that has the ball touches it
	pong := s.Go(func(c *task.Ctx) {
		for range b.N {
			// Park fails only if the task is cancelled, and none is. A missing round shows below.
			_ = c.Park()
			hits++
			c.Ready(ping)
		}
	})
	b.ResetTimer()
	err := s.Go(func(c *task.Ctx) {
		ping = c.Task()
		for range b.N {
			hits++
			c.Ready(pong)
			_ = c.Park()
		}
	}).Wait()
	b.StopTimer()
	mustEqual(b, "error", err, nil)
	mustEqual(b, "error", pong.Wait(), nil)
	mustEqual(b, "hits", hits, 2*b.N)
}

// pingPongChannels calls setup first on both goroutines.
func pingPongChannels(b *testing.B, setup func()) {
	there, back := make(chan struct{}), make(chan struct{})
	hits := 0
	var wg sync.WaitGroup
	b.ResetTimer()
	wg.Go(func() {
		setup()
		for range b.N {
			<-there
			hits++
			back <- struct{}{}
		}
	})
	wg.Go(func() {
		setup()
		for range b.N {
			hits++
			there <- struct{}{}
			<-back
		}
	})
	wg.Wait()
	b.StopTimer()
	mustEqual(b, "hits", hits, 2*b.N)
}

// pingPongCond passes the turn to and fro under a mutex. Each side waits on a condition variable of
// its own.
func pingPongCond(b *testing.B) {
	var mu sync.Mutex
	sides := [2]*sync.Cond{sync.NewCond(&mu), sync.NewCond(&mu)}
	turn, hits := 0, 0
	var wg sync.WaitGroup
	b.ResetTimer()
	for me, cond := range sides {
		wg.Go(func() {
			other := sides[1-me]
			mu.Lock()
			defer mu.Unlock()
			for range b.N {
				for turn != me {
					cond.Wait()
				}
				hits++
				turn = 1 - me
				other.Signal()
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	mustEqual(b, "hits", hits, 2*b.N)
}
