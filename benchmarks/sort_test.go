package benchmarks

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// BenchmarkSort sorts ten million random ints. Goroutines sort the halves in parallel and merge them; below cutoff=N, and
// without one below 32 elements, they call slices.Sort.
func BenchmarkSort(b *testing.B) {
	const n = 10_000_000
	rng := rand.New(rand.NewPCG(1, 2))
	src, xs, sum := make([]int, n), make([]int, n), 0
	for i := range src {
		src[i] = rng.Int()
		sum += src[i]
	}
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
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		one(b, func() { want(b, "error", parallel.Sort(c, xs), nil) })
	}))
	buf := make([]int, n)
	run(b, goroutines, loop(func(b *testing.B) { one(b, func() { sortGoroutines(xs, buf, 32) }) }))
	run(b, goroutines, loop(func(b *testing.B) { one(b, func() { sortGoroutines(xs, buf, 1<<16) }) }), key("cutoff", 1<<16))
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
