package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/benchmarks/harness"
	"github.com/heddle-go/heddle/task"
)

// BenchmarkSubmit measures starting, running and ending one empty unit from an ordinary goroutine.
// The goroutine starts as many units as outstanding= says and waits for them on a sync.WaitGroup.
// Each unit is a closure of its own. For goroutines this is the same as Spawn.
//
// With producers=P, P ordinary goroutines do so at the same time, each with its share of the units
// and a WaitGroup of its own. outstanding= is then the sum over all of them.
func BenchmarkSubmit(b *testing.B) {
	for _, n := range spawnOutstanding {
		run(b, goroutines, spawnGoroutines(n), key("outstanding", n))
		run(b, goroutines, spawnPool(n), key("outstanding", n), "style=pool")
		run(b, heddle, submitHeddle(n, 1), key("outstanding", n))
	}
	for _, p := range harness.Producers {
		keys := []string{key("outstanding", spawnBatch), key("producers", p)}
		run(b, goroutines, func(b *testing.B, _ int) {
			harness.Produce(b, p, spawnBatch, func(wg *sync.WaitGroup) { go func() { wg.Done() }() })
		}, keys...)
		run(b, goroutines, func(b *testing.B, workers int) {
			q := newPool(workers, spawnBatch)
			defer q.stop()
			harness.Produce(b, p, spawnBatch, func(wg *sync.WaitGroup) { q.submit(func() { wg.Done() }) })
		}, append(keys, "style=pool")...)
		run(b, heddle, submitHeddle(spawnBatch, p), keys...)
	}
}

func submitHeddle(outstanding, producers int) row {
	return func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		first := harness.Produce(b, producers, outstanding, func(wg *sync.WaitGroup) {
			s.Go(func(*task.Ctx) { wg.Done() })
		})
		mustEqual(b, "tasks", finished(b, s), first+b.N)
	}
}
