package benchmarks

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// BenchmarkSort sorts ten million random ints. Goroutines sort the two halves in parallel and merge
// them. Below cutoff=N elements, or below 32 without a cut-off, they call slices.Sort. With
// style=ends, two goroutines sort one half each, and then merge both halves into a buffer, one from
// each end. With two Ps that is the fastest version on goroutines that compares.
//
// The sequential program with style=radix is a plain radix sort, from the lowest digit of 11 bits
// to the highest. heddle's sort of numbers uses digits too.
func BenchmarkSort(b *testing.B) {
	n := under(10_000_000, 1_000_000)
	rng := rand.New(rand.NewPCG(1, 2))
	src, xs, sum := make([]int, n), make([]int, n), 0
	for i := range src {
		src[i] = rng.Int()
		sum += src[i]
	}
	buf := make([]int, n)
	one := func(b *testing.B, sort func()) {
		b.StopTimer()
		copy(xs, src)
		b.StartTimer()
		sort()
		b.StopTimer()
		got := 0
		for _, x := range xs {
			got += x
		}
		want(b, "sorted", slices.IsSorted(xs), true)
		want(b, "sum", got, sum)
		b.StartTimer()
	}
	runOne(b, sequential, 1, loop(func(b *testing.B) { one(b, func() { slices.Sort(xs) }) }))
	runOne(b, sequential, 1, loop(func(b *testing.B) {
		one(b, func() {
			buf = make([]int, n) // as below
			sortDigits(xs, buf)
		})
	}), "style=radix")
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		one(b, func() { want(b, "error", parallel.Sort(c, xs), nil) })
	}))
	run(b, goroutines, loop(func(b *testing.B) { one(b, func() { sortGoroutines(xs, buf, 32) }) }))
	run(b, goroutines, loop(func(b *testing.B) { one(b, func() { sortGoroutines(xs, buf, 1<<16) }) }), key("cutoff", 1<<16))
	run(b, goroutines, loop(func(b *testing.B) {
		one(b, func() {
			buf = make([]int, n) // inside the measurement, because heddle allocates its buffer too
			sortHalves(xs, buf)
			xs, buf = buf, xs
		})
	}), "style=ends")
}

// sortHalves sorts xs into out.
func sortHalves(xs, out []int) {
	n := len(xs)
	var wg sync.WaitGroup
	wg.Go(func() { slices.Sort(xs[:n/2]) })
	slices.Sort(xs[n/2:])
	wg.Wait()
	a, z := xs[:n/2], xs[n/2:]
	wg.Go(func() { // merges the lower half of the result, from the front
		i, j := 0, 0
		for k := range n / 2 {
			if j >= len(z) || i < len(a) && a[i] <= z[j] {
				out[k] = a[i]
				i++
			} else {
				out[k] = z[j]
				j++
			}
		}
	})
	i, j := len(a)-1, len(z)-1
	for k := n - 1; k >= n/2; k-- {
		if j < 0 || i >= 0 && a[i] > z[j] {
			out[k] = a[i]
			i--
		} else {
			out[k] = z[j]
			j--
		}
	}
	wg.Wait()
}

// sortDigits sorts xs, which has no negative numbers, and uses buf. It makes an even number of
// passes, so that the result is in xs. A pass over a digit that is the same in all numbers only
// copies.
func sortDigits(xs, buf []int) {
	const digits, width = 6, 11
	var counts [digits][1 << width]int
	for _, x := range xs {
		for d := range counts {
			counts[d][x>>(d*width)&(1<<width-1)]++
		}
	}
	for d := range counts {
		next, at := &counts[d], 0
		for i, n := range next {
			next[i] = at
			at += n
		}
		for _, x := range xs {
			p := &next[x>>(d*width)&(1<<width-1)]
			buf[*p] = x
			*p++
		}
		xs, buf = buf, xs
	}
}

func sortGoroutines(xs, buf []int, cutoff int) {
	if len(xs) <= cutoff {
		slices.Sort(xs)
		return
	}
	mid := len(xs) / 2
	var wg sync.WaitGroup
	wg.Go(func() { sortGoroutines(xs[:mid], buf[:mid], cutoff) })
	sortGoroutines(xs[mid:], buf[mid:], cutoff)
	wg.Wait()
	copy(buf, xs)
	a, z := buf[:mid], buf[mid:]
	for i := range xs {
		if len(z) == 0 || len(a) > 0 && a[0] <= z[0] {
			xs[i], a = a[0], a[1:]
		} else {
			xs[i], z = z[0], z[1:]
		}
	}
}
