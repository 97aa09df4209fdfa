package parallel_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A tally is an accumulator that detects two calls using it at the same time.
type tally struct {
	inUse atomic.Bool
	n     int
}

// If no call is suspended, one accumulator for each worker is enough for any number of stretches.
func TestAccumulatorsOfWorkers(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		workers := s.Stats().Workers
		within(t, s, func(c *task.Ctx) error {
			var made, calls, merges atomic.Int64
			xs := make([]int, scale(20_000))
			got, err := parallel.Accumulate(c, xs, func() *tally { made.Add(1); return new(tally) },
				func(_ *task.Ctx, acc *tally, xs []int) *tally {
					if !acc.inUse.CompareAndSwap(false, true) {
						panic("two calls have one accumulator")
					}
					calls.Add(1)
					linger(100)
					acc.n += len(xs)
					acc.inUse.Store(false)
					return acc
				}, func(a, b *tally) *tally { merges.Add(1); a.n += b.n; return a }, parallel.WithGrain(7))
			switch {
			case err != nil:
				return err
			case got.n != len(xs):
				return fmt.Errorf("%d of %d", got.n, len(xs))
			case made.Load() > int64(workers) || merges.Load() != made.Load()-1:
				return fmt.Errorf("%d accumulators, %d merges for %d calls of %d workers", made.Load(), merges.Load(), calls.Load(), workers)
			}
			return nil
		})
	})
}

// A call that yields or parks in the middle keeps its accumulator, wherever it continues.
func TestAccumulatorsOfSuspendedCalls(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			var made, under, most, moved atomic.Int64
			xs := make([]int, scale(4000))
			got, err := parallel.Accumulate(c, xs, func() *tally { made.Add(1); return new(tally) },
				func(c *task.Ctx, acc *tally, xs []int) *tally {
					if !acc.inUse.CompareAndSwap(false, true) {
						panic("two calls have one accumulator")
					}
					n := under.Add(1)
					for old := most.Load(); n > old && !most.CompareAndSwap(old, n); {
						old = most.Load()
					}
					worker := c.Worker()
					before := acc.n
					for range xs {
						c.Yield()
						if err := c.Go(func(*task.Ctx) {}).Wait(); err != nil {
							panic(err)
						}
					}
					if c.Worker() != worker {
						moved.Add(1)
					}
					if acc.n != before {
						panic("another call has changed the accumulator")
					}
					acc.n = before + len(xs)
					under.Add(-1)
					acc.inUse.Store(false)
					return acc
				}, func(a, b *tally) *tally { a.n += b.n; return a }, parallel.WithGrain(3))
			t.Logf("%d accumulators for up to %d calls at a time, of which %d moved", made.Load(), most.Load(), moved.Load())
			switch {
			case err != nil:
				return err
			case got.n != len(xs):
				return fmt.Errorf("%d of %d", got.n, len(xs))
			}
			return nil
		})
	})
}

// Without elements, the result is a fresh accumulator.
func TestAccumulateNothing(t *testing.T) {
	s := open(t, 2)
	got, err := parallel.Run(s, func(c *task.Ctx) (string, error) {
		return parallel.Accumulate(c, []int(nil), func() string { return "fresh" },
			func(_ *task.Ctx, acc string, _ []int) string { return acc + "!" }, func(a, b string) string { return a + b })
	})
	require.NoError(t, err)
	require.Equal(t, "fresh", got)
}

// BenchmarkAccumulate counts values into a histogram of 256 KB. Fold makes a histogram for each
// span, Accumulate makes one for each worker.
func BenchmarkAccumulate(b *testing.B) {
	xs := make([]uint16, 1<<20)
	for i := range xs {
		xs[i] = uint16(i * 7919)
	}
	type histogram [1 << 16]int32
	add := func(acc *histogram, xs []uint16) *histogram {
		if acc == nil {
			acc = new(histogram)
		}
		for _, x := range xs {
			acc[x]++
		}
		return acc
	}
	merge := func(a, b *histogram) *histogram {
		for i := range b {
			a[i] += b[i]
		}
		return a
	}
	s := open(b, 2)
	for _, impl := range []string{"fold", "accumulate"} {
		b.Run("impl="+impl, func(b *testing.B) {
			b.ReportAllocs()
			s.Go(func(c *task.Ctx) {
				for b.Loop() {
					if impl == "fold" {
						parallel.Fold(c, xs, nil, add, merge)
					} else {
						parallel.Accumulate(c, xs, func() *histogram { return new(histogram) },
							func(_ *task.Ctx, acc *histogram, xs []uint16) *histogram { return add(acc, xs) }, merge)
					}
				}
			}).Wait()
		})
	}
}
