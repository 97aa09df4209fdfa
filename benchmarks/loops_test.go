package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// chunks runs body over [0, n) in as many goroutines as workers: what one writes by hand.
func chunks(n, workers int, body func(worker, lo, hi int)) {
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { body(w, n*w/workers, n*(w+1)/workers) })
	}
	wg.Wait()
}

// BenchmarkFor runs a loop of ten million cheap iterations. style=share gives each goroutine an equal share. api says whether the body is a loop over a range, or is
// called for each index. With a goroutine for each index, the loop is of n=100000, for all that do it.
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

// BenchmarkReduce adds up a hundred million float64, 800 MB. api says whether the operation is a loop over a stretch, or
// is called for each element.
func BenchmarkReduce(b *testing.B) {
	n := 100_000_000
	if raceEnabled {
		n /= 100
	}
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = float64(i & 1023)
	}
	total := add(0, xs) // exact: all sums are integers below 2^53
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

// BenchmarkPrimes counts the primes below ten million, by trial division of each odd number: cheap for some, dear for others. Without
// a cut-off, that is with a goroutine for each number, they are those below n=1000000, for all that do it.
func BenchmarkPrimes(b *testing.B) {
	primesBelow(b, 10_000_000, 664_579, 1000, "cutoff=1000")
	primesBelow(b, 1_000_000, 78_498, 1, "n=1000000", "n=1000000")
}

// primesBelow gives each goroutine piece numbers. It names the rows of goroutines name, and the others by keys.
func primesBelow(b *testing.B, n, primes, piece int, name string, keys ...string) {
	var small []int32 // up to the root of n
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
	odd := n / 2 // number i stands for 2i+1, and 1 for 2
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

// isPrime reports whether the odd x is prime; 1 counts, in place of 2. small are the odd primes up to its root.
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
