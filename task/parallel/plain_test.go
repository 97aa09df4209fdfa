package parallel_test

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// Sort and MinMax call no function of the user's, so these tests interfere from outside.

// plain runs each of the two once on xs. It reports what is wrong with the result or with xs.
// sorted has the elements of xs in order.
var plain = map[string]func(c *task.Ctx, xs, sorted []int, opts ...parallel.Option) (error, error){
	"Sort": func(c *task.Ctx, xs, sorted []int, opts ...parallel.Option) (err, wrong error) {
		err = parallel.Sort(c, xs, opts...)
		if err == nil && !slices.Equal(xs, sorted) {
			return nil, errors.New("not sorted")
		}
		if slices.Sort(xs); !slices.Equal(xs, sorted) {
			return err, errors.New("the slice does not have its elements any more")
		}
		return err, nil
	},
	"MinMax": func(c *task.Ctx, xs, sorted []int, opts ...parallel.Option) (err, wrong error) {
		least, most, err := parallel.MinMax(c, xs, opts...)
		if err != nil && (least != 0 || most != 0) {
			return err, errors.New("a result and an error")
		}
		if err == nil && (least != sorted[0] || most != sorted[len(sorted)-1]) {
			return nil, fmt.Errorf("got %d and %d", least, most)
		}
		return err, nil
	},
}

// eachPlain runs each of them many times, each time as a task, beside hogs that use up quanta of
// the minimum length. If cancels is set, a hog cancels some of the runs, some time after they
// began.
func eachPlain(t *testing.T, cancels bool) {
	rounds := 8
	if testing.Short() {
		rounds = 4
	}
	for name, alg := range plain {
		for _, workers := range workerCounts {
			t.Run(fmt.Sprintf("%s/workers=%d", name, workers), func(t *testing.T) {
				s := open(t, workers, scheduler.WithQuantum(scheduler.MinQuantum))
				var target atomic.Pointer[task.Task]
				var stop atomic.Bool
				defer stop.Store(true)
				for i := range 2 {
					rng := rand.New(rand.NewPCG(uint64(i), uint64(workers)))
					s.Go(func(c *task.Ctx) {
						for !stop.Load() && !c.Cancelled() {
							linger(rng.IntN(2000))
							if rng.IntN(200) == 0 {
								if t := target.Swap(nil); t != nil {
									t.CancelCause(errOops)
								}
							}
						}
					})
				}
				within(t, s, func(c *task.Ctx) error {
					for round := range rounds {
						rng := rand.New(rand.NewPCG(uint64(round), uint64(workers)))
						xs := numbers(20_000+rng.IntN(scale(100_000)), uint64(round))
						sorted := slices.Sorted(slices.Values(xs))
						var opts []parallel.Option
						if round%2 == 1 {
							opts = append(opts, parallel.WithGrain(64<<rng.IntN(8)))
						}
						var err, wrong error
						run := c.Go(func(c *task.Ctx) { err, wrong = alg(c, xs, sorted, opts...) })
						if cancels {
							target.Store(&run)
						}
						// WaitContext may return the cause even if the cancellation came too late.
						run.WaitContext(c)
						target.Store(nil)
						switch {
						case wrong != nil:
							return fmt.Errorf("round %d: %w", round, wrong)
						case err != nil && (!cancels || !errors.Is(err, errOops)):
							return fmt.Errorf("round %d: %w", round, err)
						}
					}
					return nil
				})
			})
		}
	}
}

func TestPlainCancelInTheMiddle(t *testing.T)     { eachPlain(t, true) }
func TestPlainPreemptionInTheMiddle(t *testing.T) { eachPlain(t, false) }

// The progress is shown between two grains. There the test cancels the task, which is certain to be
// in the middle of the algorithm.
func TestPlainCancelAtAGrain(t *testing.T) {
	for name, alg := range plain {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, s *scheduler.Scheduler) {
				for round := range max(scale(20), 2) {
					xs := numbers(50_000, uint64(round))
					sorted := slices.Sorted(slices.Values(xs))
					within(t, s, func(c *task.Ctx) error {
						self, part := c.Task(), rand.Float64()*0.9
						err, wrong := alg(c, xs, sorted, parallel.WithGrain(1000), parallel.WithProgress(0, func(done, of int) {
							if float64(done) >= part*float64(of) {
								self.CancelCause(errOops)
							}
						}))
						if wrong != nil {
							return wrong
						}
						// With several workers, all grains may have begun by then.
						if err == nil && s.Workers() == 1 || err != nil && !errors.Is(err, errOops) {
							return fmt.Errorf("round %d: got %v", round, err)
						}
						return nil
					})
				}
			})
		})
	}
}

// The number of pieces of a sort depends on the number of workers, not on GOMAXPROCS.
func TestSortLeavesFollowTheWorkers(t *testing.T) {
	passes := func(workers, procs int) (total int) {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
		within(t, open(t, workers), func(c *task.Ctx) error {
			return parallel.SortFunc(c, numbers(100_000, 1), cmp.Compare[int], parallel.WithProgress(time.Hour, func(_, of int) { total = of }))
		})
		return total
	}
	for procs := 1; procs <= 4; procs *= 2 {
		if one, eight := passes(1, procs), passes(8, procs); one != 400_000 || eight != 600_000 {
			t.Fatalf("GOMAXPROCS=%d: %d for one worker, %d for eight", procs, one, eight)
		}
	}
}
