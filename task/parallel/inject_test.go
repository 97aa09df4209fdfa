package parallel_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// algorithms has an entry for each algorithm, which calls f once for each element, or more often.
var algorithms = map[string]func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error{
	"For": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.For(c, len(xs), func(*task.Ctx, int) { f() }, opts...)
	},
	"ForRange": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.ForRange(c, 0, len(xs), func(_ *task.Ctx, lo, hi int) {
			for range hi - lo {
				f()
			}
		}, opts...)
	},
	"Fold": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		_, err := parallel.Fold(c, xs, 0, func(acc int, xs []int) int {
			for _, x := range xs {
				f()
				acc += x
			}
			return acc
		}, func(a, b int) int { return a + b }, opts...)
		return err
	},
	"Accumulate": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		sum, err := parallel.Accumulate(c, xs, func() *int { return new(int) }, func(_ *task.Ctx, acc *int, xs []int) *int {
			for _, x := range xs {
				f()
				*acc += x
			}
			return acc
		}, func(a, b *int) *int { *a += *b; return a }, opts...)
		return noneWith(sum == nil, err)
	},
	"ForEach": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.ForEach(c, xs, func(*task.Ctx, *int) { f() }, opts...)
	},
	"ForEachSeq": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.ForEachSeq(c, slices.Values(xs), func(*task.Ctx, int) { f() }, opts...)
	},
	"Map": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		ys, err := parallel.Map(c, xs, func(*task.Ctx, int) int { f(); return 1 }, opts...)
		return noneWith(ys == nil, err)
	},
	"Filter": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		ys, err := parallel.Filter(c, xs, func(int) bool { f(); return true }, opts...)
		return noneWith(ys == nil, err)
	},
	"Reduce": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		_, err := parallel.Reduce(c, xs, 0, func(a, b int) int { f(); return a + b }, opts...)
		return err
	},
	"ScanInclusive": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		ys, err := parallel.ScanInclusive(c, xs, func(a, b int) int { f(); return a + b }, opts...)
		return noneWith(ys == nil, err)
	},
	"ScanExclusive": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		ys, err := parallel.ScanExclusive(c, xs, 0, func(a, b int) int { f(); return a + b }, opts...)
		return noneWith(ys == nil, err)
	},
	"MinMaxFunc": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		_, _, err := parallel.MinMaxFunc(c, xs, func(a, b int) int { f(); return cmp.Compare(a, b) }, opts...)
		return err
	},
	"Find": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		_, err := parallel.Find(c, xs, func(int) bool { f(); return false }, opts...)
		return err
	},
	"SortFunc": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.SortFunc(c, xs, func(a, b int) int { f(); return cmp.Compare(a, b) }, opts...)
	},
	"SortStableFunc": func(c *task.Ctx, xs []int, f func(), opts ...parallel.Option) error {
		return parallel.SortStableFunc(c, xs, func(a, b int) int { f(); return cmp.Compare(a, b) }, opts...)
	},
}

func noneWith(none bool, err error) error {
	if none != (err != nil) {
		return fmt.Errorf("a result and an error: %w", err)
	}
	return err
}

// injected runs every algorithm and calls f in the middle, at random times.
func injected(t *testing.T, run func(s *scheduler.Scheduler, c *task.Ctx, alg func(f func()) error, at int64) error) {
	for name, alg := range algorithms {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *scheduler.Scheduler) {
				for round := range scale(8) {
					n := 20_000
					if testkit.Race {
						n = 3000
					}
					xs := numbers(n, uint64(round))
					before := slices.Sorted(slices.Values(xs))
					var opts []parallel.Option
					if round%2 == 1 {
						opts = append(opts, parallel.WithGrain(1<<rand.IntN(12)))
					}
					within(t, s, func(c *task.Ctx) error {
						err := run(s, c, func(f func()) error { return alg(c, xs, f, opts...) }, rand.Int64N(int64(n)/2)+1)
						if err == nil && !slices.Equal(before, slices.Sorted(slices.Values(xs))) {
							return errors.New("the slice does not have its elements any more")
						}
						return err
					})
				}
			})
		})
	}
}

func TestPanicInTheMiddle(t *testing.T) {
	injected(t, func(_ *scheduler.Scheduler, _ *task.Ctx, alg func(f func()) error, at int64) error {
		var calls atomic.Int64
		var running atomic.Int64
		err := mustPanic("the algorithm", errOops, func() {
			alg(func() {
				running.Add(1)
				defer running.Add(-1)
				if calls.Add(1) == at {
					panicHere()
				}
			})
		})
		if n := running.Load(); n != 0 {
			return fmt.Errorf("%d calls had not ended", n)
		}
		return err
	})
}

func TestCancelInTheMiddle(t *testing.T) {
	injected(t, func(_ *scheduler.Scheduler, c *task.Ctx, alg func(f func()) error, at int64) error {
		var calls atomic.Int64
		t := c.Task()
		err := alg(func() {
			if calls.Add(1) == at {
				t.CancelCause(errOops)
			}
		})
		// The cancellation may have come too late to matter.
		if err != nil && !errors.Is(err, errOops) {
			return err
		}
		if err := parallel.For(c, 10, func(*task.Ctx, int) { panic("called") }); !errors.Is(err, errOops) {
			return fmt.Errorf("afterwards: %v", err)
		}
		return nil
	})
}

// With the shortest quantum and another runnable task, tasks are preempted all the time.
func TestPreemptionInTheMiddle(t *testing.T) {
	for _, workers := range workerCounts {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			s := open(t, workers, scheduler.WithQuantum(scheduler.MinQuantum))
			var stop atomic.Bool
			for range workers {
				s.Go(func(c *task.Ctx) {
					for !stop.Load() && !c.Cancelled() {
						linger(1000)
						c.Checkpoint()
					}
				})
			}
			within(t, s, func(c *task.Ctx) error { return check(c, numbers(scale(4000), 9)) })
			stop.Store(true)
		})
	}
}

// A task that parks in the middle moves spans between workers.
func TestParkingInTheMiddle(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		n := scale(4000)
		within(t, s, func(c *task.Ctx) error {
			hits := make([]atomic.Int32, n)
			err := parallel.For(c, n, func(c *task.Ctx, i int) {
				switch i % 50 {
				case 0:
					c.Yield()
				case 1:
					c.Sleep(time.Microsecond)
				case 2:
					parallel.For(c, 5, func(c *task.Ctx, j int) { c.Yield() }, parallel.WithGrain(1))
				}
				hits[i].Add(1)
			})
			for i := range hits {
				if hits[i].Load() != 1 {
					return fmt.Errorf("index %d: %d times", i, hits[i].Load())
				}
			}
			return err
		})
	})
}
