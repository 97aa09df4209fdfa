package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
)

// BenchmarkSubmit measures starting, running and ending one empty unit from an ordinary goroutine.
// The goroutine starts as many units as outstanding= says and waits for them on a sync.WaitGroup.
// For goroutines this is the same as Spawn.
func BenchmarkSubmit(b *testing.B) {
	for _, n := range spawnOutstanding {
		run(b, goroutines, spawnGoroutines(n), key("outstanding", n))
		run(b, goroutines, spawnPool(n), key("outstanding", n), "style=pool")
		run(b, heddle, submitHeddle(n), key("outstanding", n))
	}
}

func submitHeddle(outstanding int) row {
	return func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		wg := &sync.WaitGroup{}
		first := batches(b, outstanding, func(n int) {
			wg.Add(n)
			for range n {
				s.Go(func(*task.Ctx) { wg.Done() })
			}
			wg.Wait()
		})
		mustEqual(b, "tasks", finished(b, s), first+b.N)
	}
}
