package benchmarks

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
)

// BenchmarkYield measures one yield while a number of tasks do nothing else.
func BenchmarkYield(b *testing.B) {
	for _, tasks := range []int{1, 100, 10_000} {
		key := fmt.Sprintf("tasks=%d", tasks)
		if testkit.Race && tasks > 1000 {
			continue // more than the race detector allows
		}
		run(b, goroutines, func(b *testing.B, _ int) { yieldGoroutines(b, tasks) }, key)
		run(b, heddle, func(b *testing.B, workers int) { yieldHeddle(b, workers, tasks) }, key)
	}
}

// A crew is a number of units that share the b.N yields of a benchmark. Units that start early
// yield until the last one has started, which then starts the clock. So when the clock runs, every
// unit has the stack it needs, and none is still being started. The last unit to leave stops the
// clock.
type crew struct {
	b              *testing.B
	size           int
	coming, inside atomic.Int64
	open           atomic.Bool
	yields         atomic.Int64
}

func newCrew(b *testing.B, size int) *crew {
	r := &crew{b: b, size: size}
	r.coming.Store(int64(size))
	r.inside.Store(int64(size))
	return r
}

// share returns the number of yields that member i has to do.
func (r *crew) share(i int) int {
	n := r.b.N / r.size
	if i < r.b.N%r.size {
		n++
	}
	return n
}

func (r *crew) come() {
	if r.coming.Add(-1) == 0 {
		r.b.ResetTimer()
		r.open.Store(true)
	}
}

// leave is called by a member at its end, with its number of yields since the clock was started.
func (r *crew) leave(yields int) {
	r.yields.Add(int64(yields))
	if r.inside.Add(-1) == 0 {
		r.b.StopTimer()
	}
}

func yieldHeddle(b *testing.B, workers, tasks int) {
	s := newScheduler(b, workers)
	r := newCrew(b, tasks)
	err := s.Go(func(c *task.Ctx) {
		members := make([]task.Task, tasks)
		for i := range members {
			members[i] = c.Go(func(c *task.Ctx) {
				share, n := r.share(i), 0
				c.Yield() // from here on the task has a stack of its own
				r.come()
				for !r.open.Load() {
					c.Yield()
				}
				for ; n < share; n++ {
					c.Yield()
				}
				r.leave(n)
			})
		}
		for _, t := range members {
			// Wait fails only if the task is cancelled, and none is. A missing yield shows below.
			_ = t.Wait()
		}
	}).Wait()
	mustEqual(b, "error", err, nil)
	mustEqual(b, "yields", int(r.yields.Load()), b.N)
}

func yieldGoroutines(b *testing.B, n int) {
	r := newCrew(b, n)
	var wg sync.WaitGroup
	wg.Add(n)
	for i := range n {
		go func() {
			defer wg.Done()
			share, n := r.share(i), 0
			runtime.Gosched()
			r.come()
			for !r.open.Load() {
				runtime.Gosched()
			}
			for ; n < share; n++ {
				runtime.Gosched()
			}
			r.leave(n)
		}()
	}
	wg.Wait()
	mustEqual(b, "yields", int(r.yields.Load()), b.N)
}
