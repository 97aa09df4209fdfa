package benchmarks

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/task"
)

// spawnBatch is how many units are started before they are waited for: enough to make the wait
// not count, and more than any pool keeps at hand.
var spawnBatch = 10_000

// spawnOutstanding are the numbers of units that are started before they are waited for.
var spawnOutstanding = []int{1, 100, spawnBatch, 1_000_000}

// threadBatch is the same for threads: 10,000 of them are more than systems
// allow.
const threadBatch = 100

func init() {
	if raceEnabled {
		spawnBatch = 1000
		spawnOutstanding = []int{1, 100, spawnBatch}
	}
}

// BenchmarkSpawn measures starting, running and ending one empty unit, from a running unit of
// the same kind that starts as many as outstanding= says and waits for them. All start the same closure, which
// captures one pointer.
//
// style=pool is goroutines that take functions from a channel: GOMAXPROCS of them, and an ordinary goroutine that feeds them.
func BenchmarkSpawn(b *testing.B) {
	for _, n := range spawnOutstanding {
		run(b, goroutines, spawnGoroutines(n), key("outstanding", n))
		run(b, goroutines, spawnPool(n), key("outstanding", n), "style=pool")
		run(b, heddle, spawnHeddle(n), key("outstanding", n))
	}
	run(b, threads, spawnThreads, key("outstanding", threadBatch))
}

// batches calls spawn for batches that add up to b.N, each of at most n units, after a first one that fills pools. It returns the size of
// the first one.
func batches(b *testing.B, n int, spawn func(k int)) (first int) {
	first = min(n, b.N)
	spawn(first)
	b.ResetTimer()
	for left := b.N; left > 0; left -= n {
		spawn(min(left, n))
	}
	b.StopTimer()
	return first
}

// A join lets a task wait for others.
type join struct {
	parent task.Task
	left   atomic.Int64
}

// done is called by each of the others, at its end.
func (j *join) done(c *task.Ctx) {
	if j.left.Add(-1) == 0 {
		c.Ready(j.parent)
	}
}

// wait parks the parent, c, until all are done.
func (j *join) wait(c *task.Ctx) {
	for j.left.Load() != 0 && c.Park() == nil {
	}
}

func spawnHeddle(outstanding int) row {
	return func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		first := 0
		err := s.Go(func(c *task.Ctx) {
			j := &join{parent: c.Task()}
			first = batches(b, outstanding, func(n int) {
				j.left.Store(int64(n))
				for range n {
					c.Go(func(c *task.Ctx) { j.done(c) })
				}
				j.wait(c)
			})
		}).Wait()
		mustEqual(b, "error", err, nil)
		mustEqual(b, "tasks", finished(b, s), 1+first+b.N)
	}
}

func spawnGoroutines(outstanding int) row {
	return func(b *testing.B, _ int) {
		wg := &sync.WaitGroup{}
		batches(b, outstanding, func(n int) {
			wg.Add(n)
			for range n {
				go func() { wg.Done() }()
			}
			wg.Wait()
		})
	}
}

func spawnPool(outstanding int) row {
	return func(b *testing.B, workers int) {
		p := newPool(workers, outstanding)
		defer p.stop()
		wg := &sync.WaitGroup{}
		done := func() { wg.Done() }
		batches(b, outstanding, func(n int) {
			wg.Add(n)
			for range n {
				p.submit(done)
			}
			wg.Wait()
		})
	}
}

// spawnThreads starts threads: a goroutine that ends locked takes its thread
// with it, so each needs a new one.
func spawnThreads(b *testing.B, _ int) {
	wg := &sync.WaitGroup{}
	for n := b.N; n > 0; n -= threadBatch {
		k := min(n, threadBatch)
		wg.Add(k)
		for range k {
			go func() {
				runtime.LockOSThread()
				wg.Done()
			}()
		}
		wg.Wait()
	}
}
