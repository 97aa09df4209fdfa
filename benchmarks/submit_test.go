package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
)

// BenchmarkSubmit measures starting, running and ending one empty unit from an ordinary
// goroutine, which waits for them in batches on a sync.WaitGroup. For goroutines it is the
// same as Spawn.
func BenchmarkSubmit(b *testing.B) {
	run(b, goroutines, spawnGoroutines)
	run(b, heddle, submitHeddle)
}

func submitHeddle(b *testing.B, workers int) {
	s := newScheduler(b, workers)
	wg := &sync.WaitGroup{}
	submit := func(n int) {
		wg.Add(n)
		for range n {
			s.Go(func(*task.Ctx) { wg.Done() })
		}
		wg.Wait()
	}
	submit(spawnBatch)
	b.ResetTimer()
	for n := b.N; n > 0; n -= spawnBatch {
		submit(min(n, spawnBatch))
	}
	b.StopTimer()
	mustEqual(b, "tasks", finished(b, s), spawnBatch+b.N)
}
