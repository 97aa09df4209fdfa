package parallel_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A step looks for the cancellation after the call for each element, however long the grain has
// become. So with one worker there is no call after the cancellation. With more workers, each of
// the others may be in the middle of one call.
func TestNoCallAfterTheCancellation(t *testing.T) {
	n := int64(200_000)
	if testkit.Race {
		n = 40_000
	}
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		workers := int64(s.Stats().Workers)
		for name, alg := range algorithms {
			switch name {
			case "ForRange", "Fold", "Accumulate": // they pass stretches to the user's function
				continue
			case "MinMaxFunc", "Sort", "SortFunc", "SortStableFunc":
				continue // compare must be short
			}
			within(t, s, func(c *task.Ctx) error {
				var calls, after atomic.Int64
				var cancelled atomic.Bool
				err := alg(c, numbers(int(n), 3), func() {
					switch i := calls.Add(1); {
					case i == n/4*3: // all calls so far were short
						c.Task().Cancel()
						cancelled.Store(true)
					case cancelled.Load():
						after.Add(1)
					}
				})
				most := workers - 1
				if name == "Reduce" {
					// These are for the calls that combine the results of stretches, one for each
					// split.
					most += 100
				}
				if n := after.Load(); n > most {
					return fmt.Errorf("%s: %d calls after the cancellation, with %d workers", name, n, workers)
				}
				if !errors.Is(err, context.Canceled) {
					return fmt.Errorf("%s: returned %v", name, err)
				}
				return nil
			})
		}
	})
}

// A call that handles a stretch cannot end early. But after a call that was too long, the next ones
// are as short as necessary.
func TestStretchesFollowTheSpeed(t *testing.T) {
	const fast, slow = 1, 100_000 // nanoseconds for each element
	// The slow ones are from turn to end. At turn, the grain of a span has grown.
	const n, turn, end = 1 << 20, 1<<19 + 1500, 1<<19 + 4500
	for _, workers := range []int{1, 2} {
		for _, call := range []time.Duration{0, 12_000, 100_000} {
			var tooLong atomic.Int64
			_, splits := steps(t, open(t, workers), n, func(lo, hi int) time.Duration {
				slows := max(min(hi, end)-max(lo, turn), 0)
				work := call + time.Duration(slows*slow+(hi-lo-slows)*fast)
				if work > parallel.MaxStep {
					tooLong.Add(1)
				}
				return work
			})
			most := 1
			if workers > 1 {
				// A stolen span begins with the grain of the span that was split.
				most += splits
			} else {
				require.NotZero(t, tooLong.Load(), "the test sees nothing")
			}
			require.LessOrEqual(t, tooLong.Load(), int64(most), "%d workers, %v a call, %d splits", workers, call, splits)
		}
	}
}

var extremes = []int{math.MinInt, math.MinInt + 1, -2, -1, 0, 1, 2, math.MaxInt - 1, math.MaxInt}

// With every range and every grain, ForRange hands out each index once, in ranges that are not
// empty. With the automatic grain, the test's clock makes sure that the grain grows, however slow
// the machine is: once because steps take no time, and once because it is the calls that take long.
func TestRangeExtremes(t *testing.T) {
	for _, call := range []time.Duration{0, 12_000} {
		w := newWorkClock(t)
		s := open(t, 2)
		for _, lo := range testkit.Part(extremes) {
			for _, hi := range extremes {
				for _, grain := range []int{0, 1, math.MaxInt/2 + 1, math.MaxInt - 1, math.MaxInt} {
					if grain == 1 && lo < hi && uint(hi)-uint(lo) > 100 {
						continue // would take for ever
					}
					within(t, s, func(c *task.Ctx) error {
						return checkRange(c, lo, hi, grain, func() { w.work(call) })
					})
				}
			}
		}
	}
}

// checkRange compares the ranges that ForRange hands out with the range that it was given. Each
// call calls work.
func checkRange(c *task.Ctx, lo, hi, grain int, work func()) error {
	var opts []parallel.Option
	if grain != 0 {
		opts = append(opts, parallel.WithGrain(grain))
	}
	shown := -1
	opts = append(opts, parallel.WithProgress(0, func(done, total int) { shown = done }))
	var mu sync.Mutex
	var got [][2]int
	if err := parallel.ForRange(c, lo, hi, func(_ *task.Ctx, lo, hi int) {
		work()
		mu.Lock()
		defer mu.Unlock()
		got = append(got, [2]int{lo, hi})
	}, opts...); err != nil {
		return err
	}
	slices.SortFunc(got, func(a, b [2]int) int {
		if a[0] < b[0] {
			return -1
		}
		return 1
	})
	at := lo
	for _, r := range got {
		if r[0] != at || r[1] <= r[0] {
			return fmt.Errorf("[%d, %d) by %d: [%d, %d) is not what follows %d", lo, hi, grain, r[0], r[1], at)
		}
		if grain != 0 && uint(r[1])-uint(r[0]) > uint(grain) {
			return fmt.Errorf("[%d, %d) by %d: [%d, %d) is longer than the grain", lo, hi, grain, r[0], r[1])
		}
		at = r[1]
	}
	want := 0
	if lo < hi {
		want = int(min(uint(hi)-uint(lo), math.MaxInt))
	}
	if end := max(lo, hi); at != end {
		return fmt.Errorf("[%d, %d) by %d: ended at %d", lo, hi, grain, at)
	}
	if shown != want {
		return fmt.Errorf("[%d, %d) by %d: progress ended with %d of %d", lo, hi, grain, shown, want)
	}
	return nil
}

// A range of more than MaxInt indexes can be cancelled like any other.
func TestCancelAHugeRange(t *testing.T) {
	for _, grain := range []int{1, 1000} {
		within(t, open(t, 1), func(c *task.Ctx) error {
			calls := 0
			err := parallel.ForRange(c, math.MinInt, math.MaxInt, func(c *task.Ctx, _, _ int) {
				if calls++; calls == 100 {
					c.Task().Cancel()
				}
			}, parallel.WithGrain(grain))
			if calls != 100 || !errors.Is(err, context.Canceled) {
				return fmt.Errorf("%d calls, %v", calls, err)
			}
			return nil
		})
	}
}

func FuzzRange(f *testing.F) {
	for _, lo := range extremes {
		f.Add(lo, math.MaxInt, math.MaxInt)
		f.Add(lo, lo+100, 7)
		f.Add(lo, math.MaxInt, 0)
		f.Add(lo, math.MaxInt, -1)
	}
	w := newWorkClock(f)
	s := open(f, 2)
	f.Fuzz(func(t *testing.T, lo, hi, grain int) {
		if grain < 1 {
			require.Panics(t, func() { parallel.WithGrain(grain) })
		}
		call := time.Duration(0)
		if grain < 0 {
			call = 12_000 // the grain grows in any case: see TestRangeExtremes
		}
		grain = max(grain, 0)
		if grain != 0 && lo < hi && (uint(hi)-uint(lo))/uint(grain) > 10_000 {
			return // too many calls
		}
		within(t, s, func(c *task.Ctx) error { return checkRange(c, lo, hi, grain, func() { w.work(call) }) })
	})
}

// For every grain, the results are those of the plain loop.
func TestGrainExtremes(t *testing.T) {
	lengths := []int{0, 1, 2, 3, 17, 1000, 10_000}
	if testing.Short() {
		lengths = lengths[:6]
	}
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for _, n := range lengths {
			for _, grain := range []int{1, 2, n, n + 1, math.MaxInt/2 + 1, math.MaxInt - 1, math.MaxInt} {
				if grain < 1 {
					continue
				}
				within(t, s, func(c *task.Ctx) error { return checkGrain(c, n, grain) })
			}
		}
	})
}

func checkGrain(c *task.Ctx, n, grain int) error {
	g := parallel.WithGrain(grain)
	xs := make([]int, n)
	for i := range xs {
		xs[i] = rand.IntN(1000)
	}
	add := func(a, b int) int { return a + b }
	incl, excl, acc := make([]int, n), make([]int, n), 5
	for i, x := range xs {
		excl[i] = acc
		acc += x
		incl[i] = acc - 5
	}
	got, err := parallel.ScanInclusive(c, xs, add, g)
	if err != nil || !slices.Equal(got, incl) {
		return fmt.Errorf("ScanInclusive of %d by %d: %v", n, grain, err)
	}
	got, err = parallel.ScanExclusive(c, xs, 5, add, g)
	if err != nil || !slices.Equal(got, excl) {
		return fmt.Errorf("ScanExclusive of %d by %d: %v", n, grain, err)
	}
	sum, err := parallel.Reduce(c, xs, 5, add, g)
	if err != nil || sum != acc {
		return fmt.Errorf("Reduce of %d by %d: %d, %v", n, grain, sum, err)
	}
	var seq atomic.Int64
	err = parallel.ForEachSeq(c, slices.Values(xs), func(_ *task.Ctx, x int) { seq.Add(int64(x)) }, g)
	if err != nil || int(seq.Load()) != acc-5 {
		return fmt.Errorf("ForEachSeq of %d by %d: %d, %v", n, grain, seq.Load(), err)
	}
	same, err := parallel.Map(c, xs, func(_ *task.Ctx, x int) int { return x }, g)
	if err != nil || !slices.Equal(same, xs) {
		return fmt.Errorf("Map of %d by %d: %v", n, grain, err)
	}
	all, err := parallel.Filter(c, xs, func(int) bool { return true }, g)
	if err != nil || !slices.Equal(all, xs) {
		return fmt.Errorf("Filter of %d by %d: %v", n, grain, err)
	}
	at, err := parallel.Find(c, xs, func(x int) bool { return x > 900 }, g)
	if want := slices.IndexFunc(xs, func(x int) bool { return x > 900 }); err != nil || at != want {
		return fmt.Errorf("Find of %d by %d: %d, want %d, %v", n, grain, at, want, err)
	}
	sorted := slices.Sorted(slices.Values(xs))
	for name, sort := range map[string]func(xs []int) error{
		"Sort":           func(xs []int) error { return parallel.Sort(c, xs, g) },
		"SortFunc":       func(xs []int) error { return parallel.SortFunc(c, xs, func(a, b int) int { return a - b }, g) },
		"SortStableFunc": func(xs []int) error { return parallel.SortStableFunc(c, xs, func(a, b int) int { return a - b }, g) },
	} {
		ys := slices.Clone(xs)
		if err := sort(ys); err != nil || !slices.Equal(ys, sorted) {
			return fmt.Errorf("%s of %d by %d: %v", name, n, grain, err)
		}
	}
	if n == 0 {
		return nil
	}
	least, most, err := parallel.MinMax(c, xs, g)
	if err != nil || least != sorted[0] || most != sorted[n-1] {
		return fmt.Errorf("MinMax of %d by %d: %d, %d, %v", n, grain, least, most, err)
	}
	return nil
}
