package benchmarks

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// spawnBatch is the number of units that are started before a wait. It is large enough that the
// wait does not matter, and larger than any pool of descriptors.
var spawnBatch = 10_000

// spawnOutstanding are the values of outstanding=, the number of units that are started before a
// wait.
var spawnOutstanding = []int{1, 100, spawnBatch, 1_000_000}

// threadBatch is spawnBatch for threads. Most systems do not allow 10,000 threads.
const threadBatch = 100

func init() {
	if testkit.Race {
		spawnBatch = 1000
		spawnOutstanding = []int{1, 100, spawnBatch}
	}
}

// BenchmarkSpawn measures starting, running and ending one empty unit. A running unit of the same
// kind starts as many as outstanding= says and waits for them. Each unit is a closure of its own,
// which captures one pointer.
//
// With style=pool, GOMAXPROCS goroutines take functions from a channel, and an ordinary goroutine
// sends the functions.
func BenchmarkSpawn(b *testing.B) {
	for _, n := range spawnOutstanding {
		run(b, goroutines, spawnGoroutines(n), key("outstanding", n))
		run(b, goroutines, spawnPool(n), key("outstanding", n), "style=pool")
		run(b, heddle, spawnHeddle(n), key("outstanding", n))
	}
	run(b, threads, spawnThreads, key("outstanding", threadBatch))
}

// BenchmarkSpawnSame is BenchmarkSpawn with one closure for all units of a batch, so that no unit
// allocates.
func BenchmarkSpawnSame(b *testing.B) {
	n := spawnBatch
	run(b, goroutines, spawnSameGoroutines(n), key("outstanding", n))
	run(b, goroutines, spawnSamePool(n), key("outstanding", n), "style=pool")
	run(b, heddle, spawnSameHeddle(n), key("outstanding", n))
}

// BenchmarkSpawnTyped is BenchmarkSpawn for a function with an argument, a pointer: task.Func for
// heddle, a go statement with the argument for goroutines. With style=pool the channel takes the
// arguments, and the goroutines know the function.
func BenchmarkSpawnTyped(b *testing.B) {
	n := spawnBatch
	run(b, goroutines, spawnTypedGoroutines(n), key("outstanding", n))
	run(b, goroutines, spawnTypedPool(n), key("outstanding", n), "style=pool")
	run(b, heddle, spawnTypedHeddle(n), key("outstanding", n))
}

// A join lets a task wait for others.
type join struct {
	parent task.Task
	left   atomic.Int64
}

// done is called by each of the other tasks at its end.
func (j *join) done(c *task.Ctx) {
	if j.left.Add(-1) == 0 {
		c.Ready(j.parent)
	}
}

// wait parks the parent c until all others are done.
func (j *join) wait(c *task.Ctx) {
	for j.left.Load() != 0 && c.Park() == nil {
	}
}

func spawnHeddle(outstanding int) row {
	return spawnTasks(outstanding, func(c *task.Ctx, j *join, n int) {
		for range n {
			c.Go(func(c *task.Ctx) { j.done(c) })
		}
	})
}

func spawnSameHeddle(outstanding int) row {
	return spawnTasks(outstanding, func(c *task.Ctx, j *join, n int) {
		done := j.done
		for range n {
			c.Go(done)
		}
	})
}

var joinDone = task.Define(func(c *task.Ctx, j *join) { j.done(c) })

func spawnTypedHeddle(outstanding int) row {
	return spawnTasks(outstanding, func(c *task.Ctx, j *join, n int) {
		for range n {
			if joinDone.Go(c, j) != nil {
				panic("the scheduler is open")
			}
		}
	})
}

// spawnTasks measures spawn, which starts n tasks that call j.done.
func spawnTasks(outstanding int, spawn func(c *task.Ctx, j *join, n int)) row {
	return func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		first := 0
		err := s.Go(func(c *task.Ctx) {
			j := &join{parent: c.Task()}
			first = batches(b, outstanding, func(n int) {
				j.left.Store(int64(n))
				spawn(c, j, n)
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

func spawnSameGoroutines(outstanding int) row {
	return func(b *testing.B, _ int) {
		wg := &sync.WaitGroup{}
		done := wg.Done
		batches(b, outstanding, func(n int) {
			wg.Add(n)
			for range n {
				go done()
			}
			wg.Wait()
		})
	}
}

func spawnTypedGoroutines(outstanding int) row {
	return func(b *testing.B, _ int) {
		wg := &sync.WaitGroup{}
		batches(b, outstanding, func(n int) {
			wg.Add(n)
			for range n {
				go (*sync.WaitGroup).Done(wg)
			}
			wg.Wait()
		})
	}
}

func spawnTypedPool(outstanding int) row {
	return func(b *testing.B, workers int) {
		work := make(chan *sync.WaitGroup, outstanding)
		var ends sync.WaitGroup
		for range workers {
			ends.Go(func() {
				for wg := range work {
					wg.Done()
				}
			})
		}
		defer ends.Wait()
		defer close(work)
		wg := &sync.WaitGroup{}
		batches(b, outstanding, func(n int) {
			wg.Add(n)
			for range n {
				work <- wg
			}
			wg.Wait()
		})
	}
}

func spawnPool(outstanding int) row {
	return poolBatches(outstanding, func(p *pool, wg *sync.WaitGroup, n int) {
		for range n {
			p.submit(func() { wg.Done() })
		}
	})
}

func spawnSamePool(outstanding int) row {
	return poolBatches(outstanding, func(p *pool, wg *sync.WaitGroup, n int) {
		done := wg.Done
		for range n {
			p.submit(done)
		}
	})
}

// poolBatches measures submit, which submits n functions that call wg.Done.
func poolBatches(outstanding int, submit func(p *pool, wg *sync.WaitGroup, n int)) row {
	return func(b *testing.B, workers int) {
		p := newPool(workers, outstanding)
		defer p.stop()
		wg := &sync.WaitGroup{}
		batches(b, outstanding, func(n int) {
			wg.Add(n)
			submit(p, wg, n)
			wg.Wait()
		})
	}
}

// spawnThreads starts threads. A goroutine that ends while it is locked takes its thread with it,
// so each goroutine gets a new thread.
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
