package parallel_test

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// Named types of each size.
type (
	tiny     int8
	narrow   uint16
	distance float32
	span     int64
	ratio    float64
	word     uintptr
)

// keyShapes are distributions of 64 bits: even, crowded, with few values, and in order.
var keyShapes = map[string]func(i int, r *rand.Rand) uint64{
	"random":   func(_ int, r *rand.Rand) uint64 { return r.Uint64() },
	"crowded":  func(_ int, r *rand.Rand) uint64 { return r.Uint64() >> r.UintN(64) },
	"few":      func(_ int, r *rand.Rand) uint64 { return r.Uint64N(5) * 0x9e3779b97f4a7c15 },
	"equal":    func(int, *rand.Rand) uint64 { return 7 },
	"rising":   func(i int, _ *rand.Rand) uint64 { return uint64(i) },
	"falling":  func(i int, _ *rand.Rand) uint64 { return -uint64(i) },
	"nearly":   func(i int, r *rand.Rand) uint64 { return uint64(max(i, r.IntN(i/500*500+1))) },
	"outliers": func(i int, r *rand.Rand) uint64 { return r.Uint64N(1<<20) << (i % 9000 / 8999 * 44) },
}

// Sort beside slices.Sort: numbers of all kinds and strings, with several lengths, shapes, grains
// and numbers of workers.
func TestSortNumbers(t *testing.T) {
	for _, workers := range []int{1, 4} {
		for _, name := range testkit.Part(slices.Sorted(maps.Keys(keyShapes))) {
			at := keyShapes[name]
			t.Run(fmt.Sprintf("workers=%d/%s", workers, name), func(t *testing.T) {
				s := open(t, workers)
				for _, n := range []int{511, 512, 10_000, max(scale(150_000), 20_000)} {
					r := rand.New(rand.NewPCG(uint64(n), uint64(workers)))
					bits := make([]uint64, n)
					for i := range bits {
						bits[i] = at(i, r)
					}
					var opts []parallel.Option
					if n == 10_000 {
						opts = append(opts, parallel.WithGrain(1<<r.IntN(10)))
					}
					sortsLike(t, s, bits, func(x uint64) int { return int(x) }, opts...)
					sortsLike(t, s, bits, func(x uint64) tiny { return tiny(x) }, opts...)
					sortsLike(t, s, bits, func(x uint64) narrow { return narrow(x) }, opts...)
					sortsLike(t, s, bits, func(x uint64) rune { return rune(x) }, opts...)
					sortsLike(t, s, bits, func(x uint64) distance { return distance(math.Float32frombits(uint32(x))) }, opts...)
					sortsLike(t, s, bits, func(x uint64) span { return span(x) }, opts...)
					sortsLike(t, s, bits, func(x uint64) word { return word(x) }, opts...)
					sortsLike(t, s, bits, func(x uint64) ratio { return ratio(math.Float64frombits(x)) }, opts...)
					sortsLike(t, s, bits, func(x uint64) string { return fmt.Sprint(x) }, opts...)
				}
			})
		}
	}
}

func sortsLike[T cmp.Ordered](t *testing.T, s *scheduler.Scheduler, bits []uint64, of func(x uint64) T, opts ...parallel.Option) {
	t.Helper()
	xs := make([]T, len(bits))
	for i, x := range bits {
		xs[i] = of(x)
	}
	want := slices.Sorted(slices.Values(xs))
	within(t, s, func(c *task.Ctx) error { return parallel.Sort(c, xs, opts...) })
	for i, x := range xs {
		if cmp.Compare(x, want[i]) != 0 {
			t.Fatalf("%T, %d elements: %v at %d, want %v", x, len(xs), x, i, want[i])
		}
	}
}

// If the progress calls Goexit, panics or cancels, at whatever pass or piece, Sort loses no
// elements.
func TestSortOfNumbersKeepsTheElements(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for round := range max(scale(60), 6) {
			r := rand.New(rand.NewPCG(uint64(round), 1))
			xs := make([]int, 60_000)
			for i := range xs {
				xs[i] = int(r.Uint64() >> r.UintN(64))
			}
			before := slices.Sorted(slices.Values(xs))
			var calls atomic.Int64
			at := 1 + r.Int64N(30)
			opts := []parallel.Option{parallel.WithProgress(0, func(int, int) {
				if calls.Add(1) != at {
					return
				}
				switch round % 3 {
				case 0:
					runtime.Goexit()
				case 1:
					panic(errOops)
				}
				c, _ := task.Current() // of this piece, which another task may sort
				c.Cancel()
			})}
			if round%2 == 1 {
				opts = append(opts, parallel.WithGrain(1000+r.IntN(10_000)))
			}
			var failure *task.PanicError
			s.Go(func(c *task.Ctx) { failure = panicOf(func() { _ = parallel.Sort(c, xs, opts...) }) }).Wait()
			if calls.Load() >= at && round%3 == 1 {
				require.Equal(t, any(errOops), failure.Value, "round %d", round)
			}
			slices.Sort(xs)
			require.True(t, slices.Equal(before, xs), "round %d", round)
		}
	})
}

// A sort of numbers looks for the cancellation after each 65,536 elements, in a pass as in a piece.
// So with one worker, the progress never jumps by more, and none is shown after a cancellation.
func TestSortOfNumbersLooksOften(t *testing.T) {
	const n = 500_000
	for _, stop := range []int{1, n / 2, n, n + n/2} {
		within(t, open(t, 1), func(c *task.Ctx) error {
			last, cancelled := 0, false
			var wrong error
			err := parallel.Sort(c, numbers(n, 1), parallel.WithProgress(0, func(done, _ int) {
				if cancelled || done-last > 1<<16 {
					wrong = fmt.Errorf("from %d to %d, cancelled: %v", last, done, cancelled)
				}
				if last = done; done >= stop {
					cancelled = true
					c.Cancel()
				}
			}))
			if err == nil || wrong != nil {
				return fmt.Errorf("cancelled at %d: returned %v; %v", stop, err, wrong)
			}
			return nil
		})
	}
}

// Two stretches that are in order, with a break between them, are sorted. The break may be between
// two blocks, or two stretches of a block, which a worker looks at one by one. Here they have 6,250
// elements, one eighth of a worker's share.
func TestSortRunsAcrossBlocks(t *testing.T) {
	const n = 200_000
	s := open(t, 4)
	var breaks []int
	for at := 6250; at < n; at += 6250 {
		breaks = append(breaks, at)
	}
	for _, breakAt := range testkit.Part(breaks) {
		for _, sign := range []int{1, -1} {
			xs := make([]int, n)
			for i := range xs {
				xs[i] = sign * ((i + n - breakAt) % n)
			}
			within(t, s, func(c *task.Ctx) error { return parallel.Sort(c, xs) })
			require.True(t, slices.IsSorted(xs), "a break at %d", breakAt)
		}
	}
}
