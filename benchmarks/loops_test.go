package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// chunks divides [0, n) evenly among as many goroutines as workers, which run body over their
// parts. This is the usual way to write such a loop by hand.
func chunks(n, workers int, body func(worker, lo, hi int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { body(w, n*w/workers, n*(w+1)/workers) })
	}
	wg.Wait()
}

// BenchmarkFor runs a loop of ten million cheap iterations. style=share gives each goroutine an
// equal share. api says whether the body gets a range and loops over it, or is called for each
// index. A goroutine for each index would be too slow, so that comparison, on both sides, is a loop
// of n=100000.
func BenchmarkFor(b *testing.B) {
	forLoop(b, 10_000_000)
	forLoop(b, 100_000, "n=100000")
}

func forLoop(b *testing.B, n int, keys ...string) {
	with := func(key string) []string { return append([]string{key}, keys...) }
	out := make([]int32, n)
	body := func(lo, hi int) {
		part := out[lo:hi]
		for i := range part {
			x := int32(lo + i)
			part[i] = x*x + 7*x
		}
	}
	runOne(b, sequential, 1, loop(func(*testing.B) { body(0, n) }), keys...)
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		want(b, "error", parallel.ForRange(c, 0, n, func(_ *task.Ctx, lo, hi int) { body(lo, hi) }), nil)
	}), with("api=range")...)
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		want(b, "error", parallel.For(c, n, func(_ *task.Ctx, i int) { out[i] = int32(i)*int32(i) + 7*int32(i) }), nil)
	}), with("api=index")...)
	if len(keys) > 0 {
		run(b, goroutines, loop(func(*testing.B) {
			var wg sync.WaitGroup
			for i := range n {
				wg.Go(func() { body(i, i+1) })
			}
			wg.Wait()
		}), keys...)
	}
	run(b, goroutines, func(b *testing.B, workers int) {
		for b.Loop() {
			chunks(n, workers, func(_, lo, hi int) { body(lo, hi) })
		}
	}, with("style=share")...)
	run(b, goroutines, func(b *testing.B, workers int) {
		for b.Loop() {
			const piece = 1000
			var wg sync.WaitGroup
			for lo := 0; lo < n; lo += piece {
				wg.Go(func() { body(lo, lo+piece) })
			}
			wg.Wait()
		}
	}, with("cutoff=1000")...)
}

// BenchmarkReduce adds up a hundred million float64 values, 800 MB. api says whether the operation
// gets a stretch and loops over it, or is called for each element.
func BenchmarkReduce(b *testing.B) {
	n := 100_000_000
	if testkit.Race {
		n /= 100
	}
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = float64(i & 1023)
	}
	total := add(0, xs) // exact, because all sums are integers below 2^53
	runOne(b, sequential, 1, loop(func(b *testing.B) { want(b, "sum", add(0, xs), total) }))
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		sum, err := parallel.Fold(c, xs, 0, add, func(x, y float64) float64 { return x + y })
		want(b, "error", err, nil)
		want(b, "sum", sum, total)
	}), "api=range")
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		sum, err := parallel.Reduce(c, xs, 0, func(x, y float64) float64 { return x + y })
		want(b, "error", err, nil)
		want(b, "sum", sum, total)
	}), "api=index")
	run(b, goroutines, func(b *testing.B, workers int) {
		sums := make([]float64, workers)
		for b.Loop() {
			chunks(n, workers, func(w, lo, hi int) { sums[w] = add(0, xs[lo:hi]) })
			want(b, "sum", add(0, sums), total)
		}
	}, "style=share")
}

func add(acc float64, xs []float64) float64 {
	for _, x := range xs {
		acc += x
	}
	return acc
}

// BenchmarkPrimes counts the primes below ten million by trial division of each odd number, which
// is cheap for some numbers and expensive for others. Without a cut-off, with a goroutine for each
// number, that would be too slow, so that comparison, on both sides, counts the primes below
// n=1000000.
func BenchmarkPrimes(b *testing.B) {
	primesBelow(b, 10_000_000, 664_579, 1000, "cutoff=1000")
	primesBelow(b, 1_000_000, 78_498, 1, "n=1000000", "n=1000000")
}

// primesBelow gives each goroutine piece numbers at a time. name distinguishes the rows of
// goroutines, and keys distinguish the other rows.
func primesBelow(b *testing.B, n, primes, piece int, name string, keys ...string) {
	var small []int32 // primes up to the root of n
	for i := int32(3); i < 3200; i += 2 {
		if isPrime(small, i) {
			small = append(small, i)
		}
	}
	count := func(lo, hi int) (k int) {
		for i := lo; i < hi; i++ {
			if isPrime(small, int32(2*i+1)) {
				k++
			}
		}
		return k
	}
	odd := n / 2 // index i stands for 2i+1, and index 0 for 2
	runOne(b, sequential, 1, loop(func(b *testing.B) { want(b, "primes", count(0, odd), primes) }), keys...)
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		const piece = 1000
		ks := make([]int, odd/piece)
		want(b, "error", parallel.For(c, len(ks), func(_ *task.Ctx, i int) { ks[i] = count(i*piece, (i+1)*piece) }), nil)
		sum, err := parallel.Reduce(c, ks, 0, func(a, b int) int { return a + b })
		want(b, "error", err, nil)
		want(b, "primes", sum, primes)
	}), keys...)
	run(b, goroutines, func(b *testing.B, workers int) {
		for b.Loop() {
			ks := make([]int, odd/piece)
			var wg sync.WaitGroup
			for i := range ks {
				wg.Go(func() { ks[i] = count(i*piece, (i+1)*piece) })
			}
			wg.Wait()
			sum := 0
			for _, k := range ks {
				sum += k
			}
			want(b, "primes", sum, primes)
		}
	}, name)
}

// isPrime reports whether the odd number x is prime. It counts 1 as a prime, in place of 2. small
// must have the odd primes up to the root of x.
func isPrime(small []int32, x int32) bool {
	for _, p := range small {
		if p*p > x {
			break
		}
		if x%p == 0 {
			return false
		}
	}
	return true
}
