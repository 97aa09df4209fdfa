package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// BenchmarkDo measures running two closures in parallel and waiting for both. Each closure writes a
// variable of its own. With goroutines, style=both starts two of them, and style=one starts one and
// runs the second closure itself.
func BenchmarkDo(b *testing.B) {
	runOne(b, sequential, 1, loop(func(b *testing.B) {
		x, y := 0, 0
		f, g := func() { x++ }, func() { y++ }
		f()
		g()
		want(b, "sum", x+y, 2)
	}))
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		x, y := 0, 0
		parallel.Do(c, func(*task.Ctx) { x++ }, func(*task.Ctx) { y++ })
		want(b, "sum", x+y, 2)
	}))
	run(b, goroutines, loop(func(b *testing.B) {
		x, y := 0, 0
		var wg sync.WaitGroup
		wg.Go(func() { x++ })
		wg.Go(func() { y++ })
		wg.Wait()
		want(b, "sum", x+y, 2)
	}), "style=both")
	run(b, goroutines, loop(func(b *testing.B) {
		x, y := 0, 0
		var wg sync.WaitGroup
		wg.Go(func() { x++ })
		y++
		wg.Wait()
		want(b, "sum", x+y, 2)
	}), "style=one")
}
