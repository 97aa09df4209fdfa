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

// threadBatch is the same for threads: 10,000 of them are more than systems
// allow.
const threadBatch = 100

func init() {
	if raceEnabled {
		spawnBatch = 1000
	}
}

// BenchmarkSpawn measures starting, running and ending one empty unit, from a running unit of
// the same kind that waits for them in batches. All start the same closure, which
// captures one pointer.
func BenchmarkSpawn(b *testing.B) {
	run(b, goroutines, spawnGoroutines)
	run(b, heddle, spawnHeddle)
	run(b, threads, spawnThreads)
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

func spawnHeddle(b *testing.B, workers int) {
	s := newScheduler(b, workers)
	err := s.Go(func(c *task.Ctx) {
		j := &join{parent: c.Task()}
		spawn := func(n int) {
			j.left.Store(int64(n))
			for range n {
				c.Go(func(c *task.Ctx) { j.done(c) })
			}
			j.wait(c)
		}
		spawn(spawnBatch) // fills the pools, as goroutines find theirs filled
		b.ResetTimer()
		for n := b.N; n > 0; n -= spawnBatch {
			spawn(min(n, spawnBatch))
		}
		b.StopTimer()
	}).Wait()
	mustEqual(b, "error", err, nil)
	mustEqual(b, "tasks", finished(b, s), 1+spawnBatch+b.N)
}

func spawnGoroutines(b *testing.B, _ int) {
	wg := &sync.WaitGroup{}
	spawn := func(n int) {
		wg.Add(n)
		for range n {
			go func() { wg.Done() }()
		}
		wg.Wait()
	}
	spawn(spawnBatch)
	b.ResetTimer()
	for n := b.N; n > 0; n -= spawnBatch {
		spawn(min(n, spawnBatch))
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
