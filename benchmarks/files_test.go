package benchmarks

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/benchmarks/harness"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// BenchmarkFiles does some work for each of many items. ns/op is one run over all items.
//
// body=file: each item is one of 150 Go source files in memory. The work is to parse, compress and
// encode it, which makes much garbage. Heddle uses parallel.Map. body=1us and body=100ns compute
// for about that long, 50,000 and 500,000 times. Heddle uses parallel.For.
//
// The baselines are GOMAXPROCS goroutines that take the next index from an atomic counter. For the
// short bodies, another baseline takes 64 indexes at a time.
func BenchmarkFiles(b *testing.B) {
	files := sync.OnceValue(func() []string { return harness.SourceFiles(150) })
	sums := sync.OnceValue(func() []uint32 { // the right result of each file
		var xs []uint32
		for _, f := range files() {
			xs = append(xs, harness.EncodeFile(f))
		}
		return xs
	})
	run(b, heddle, func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		check := func(got []uint32) { want(b, "files are right", slices.Equal(got, sums()), true) }
		versus(b, timed(heddle, func() {
			got, err := parallel.Run(s, func(c *task.Ctx) ([]uint32, error) {
				return parallel.Map(c, files(), func(_ *task.Ctx, f string) uint32 { return harness.EncodeFile(f) })
			})
			want(b, "error", err, nil)
			check(got)
		}), timed("index", func() {
			got := make([]uint32, len(files()))
			byIndex(len(got), workers, 1, func(i int) { got[i] = harness.EncodeFile(files()[i]) })
			check(got)
		}))
	}, "body=file", "against=index")

	for _, x := range []struct {
		name     string
		n, steps int
	}{{"1us", 50_000, harness.StepsPerMicrosecond}, {"100ns", 500_000, harness.StepsPerMicrosecond / 10}} {
		out := make([]uint64, x.n)
		body := func(i int) { out[i] = harness.Steps(uint64(i), x.steps) }
		total := uint64(0)
		for i := range x.n {
			total += harness.Steps(uint64(i), x.steps)
		}
		check := func(b *testing.B) {
			sum := uint64(0)
			for i, v := range out {
				sum += v
				out[i] = 0
			}
			want(b, "sum", sum, total)
		}
		run(b, heddle, func(b *testing.B, workers int) {
			s := newScheduler(b, workers)
			indexed := func(name string, piece int) side {
				return timed(name, func() {
					byIndex(x.n, workers, piece, body)
					check(b)
				})
			}
			versus(b, timed(heddle, func() {
				_, err := parallel.Run(s, func(c *task.Ctx) (struct{}, error) {
					return struct{}{}, parallel.For(c, x.n, func(_ *task.Ctx, i int) { body(i) })
				})
				want(b, "error", err, nil)
				check(b)
			}), indexed("index", 1), indexed("index64", 64))
		}, key("body", x.name), "against=index+index64")
	}
}

// byIndex runs body for each index below n, on the given number of goroutines. They take piece
// indexes at a time from a counter.
func byIndex(n, goroutines, piece int, body func(i int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range goroutines {
		wg.Go(func() {
			for {
				hi := int(next.Add(int64(piece)))
				if hi-piece >= n {
					return
				}
				for i := hi - piece; i < min(hi, n); i++ {
					body(i)
				}
			}
		})
	}
	wg.Wait()
}

// TestByIndex checks that each index is taken once, whatever the size of the pieces.
func TestByIndex(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000} {
		for _, piece := range []int{1, 64} {
			got := make([]atomic.Int32, n)
			byIndex(n, 3, piece, func(i int) { got[i].Add(1) })
			for i := range got {
				if k := got[i].Load(); k != 1 {
					t.Errorf("n=%d piece=%d: index %d was taken %d times", n, piece, i, k)
				}
			}
		}
	}
}
