package benchmarks

import (
	"sync"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// smallBatch is the number of units in a batch.
const smallBatch = 10

// BenchmarkSmallBatch submits ten empty units from an ordinary goroutine and waits for all of them,
// again and again. Between two batches that goroutine sleeps for the time in every=, or not at all.
// ns/op is one batch, without the pause. how= says how the goroutine waits for heddle's units: with
// a sync.WaitGroup, with a task.Group, or with their handles.
//
// The baselines are a goroutine for each unit, and a pool of GOMAXPROCS goroutines that take
// functions from a channel. Both wait with a sync.WaitGroup.
func BenchmarkSmallBatch(b *testing.B) {
	for _, x := range []struct {
		how     string
		every   time.Duration
		batches int // batches in a round
	}{
		{"waitgroup", 0, 2000}, {"group", 0, 2000}, {"handles", 0, 2000},
		{"waitgroup", 100 * time.Microsecond, 500}, {"waitgroup", time.Millisecond, 100}, {"waitgroup", 10 * time.Millisecond, 20},
	} {
		run(b, heddle, func(b *testing.B, workers int) {
			s := newScheduler(b, workers)
			p := newPool(workers, smallBatch)
			defer p.stop()
			rounds := func(name string, batch func(unit func())) side {
				return smallBatches(b, name, x.every, x.batches, batch)
			}
			versus(b, rounds(heddle, func(unit func()) { submitBatch(b, s, x.how, unit) }), rounds("goroutines", func(unit func()) {
				var wg sync.WaitGroup
				for range smallBatch {
					wg.Go(unit)
				}
				wg.Wait()
			}), rounds("pool", func(unit func()) {
				var wg sync.WaitGroup
				wg.Add(smallBatch)
				for range smallBatch {
					p.submit(func() { unit(); wg.Done() })
				}
				wg.Wait()
			}))
		}, key("how", x.how), key("every", x.every), "against=goroutines+pool")
	}
}

// submitBatch submits a batch to s and waits for it.
func submitBatch(b *testing.B, s *scheduler.Scheduler, how string, unit func()) {
	switch how {
	case "waitgroup":
		var wg sync.WaitGroup
		wg.Add(smallBatch)
		for range smallBatch {
			s.Go(func(*task.Ctx) { unit(); wg.Done() })
		}
		wg.Wait()
	case "group":
		g := task.NewGroup(s)
		for range smallBatch {
			g.Go(func(*task.Ctx) error { unit(); return nil })
		}
		want(b, "error", g.Wait(), nil)
	case "handles":
		var ts [smallBatch]task.Task
		for i := range ts {
			ts[i] = s.Go(func(*task.Ctx) { unit() })
		}
		for _, t := range ts {
			want(b, "error", t.Wait(), nil)
		}
	}
}

// smallBatches makes a side whose time is the mean of its batches. batch must run unit smallBatch
// times.
func smallBatches(b *testing.B, name string, every time.Duration, batches int, batch func(unit func())) side {
	return side{name, func() measures {
		var ran counter
		var sum time.Duration
		for range batches {
			if every > 0 {
				time.Sleep(every)
			}
			start := time.Now()
			batch(ran.add)
			sum += time.Since(start)
		}
		want(b, "units", ran.n.Load(), int64(smallBatch*batches))
		return measures{measureTime: float64(sum) / float64(batches)}
	}}
}
