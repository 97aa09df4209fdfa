package benchmarks

import (
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// fibs maps n to fib(n) and the number of forks it takes.
var fibs = map[int]struct{ value, forks int }{
	27: {196_418, 317_810},
	35: {9_227_465, 14_930_351},
}

var fibFunc, bothFunc *parallel.Func[int, int]

func init() {
	fibFunc = parallel.Define(fibHeddle)
	bothFunc = parallel.Define(fibBoth)
}

// BenchmarkFib computes a Fibonacci number by its definition, with a fork for each addition.
// Goroutines without a cut-off compute only the 27th. With cutoff=N, they fork only for numbers
// from N on, and call below. With style=both, tasks fork and join by Both.
func BenchmarkFib(b *testing.B) {
	for _, n := range []int{27, 35} {
		w := fibs[n]
		runOne(b, sequential, 1, per(w.forks, "fork", loop(func(b *testing.B) { want(b, "fib", fibSequential(n), w.value) })), key("n", n))
		run(b, heddle, per(w.forks, "fork", tasks(func(b *testing.B, c *task.Ctx) { want(b, "fib", fibFunc.Call(c, n), w.value) })), key("n", n))
		run(b, heddle, per(w.forks, "fork", tasks(func(b *testing.B, c *task.Ctx) { want(b, "fib", bothFunc.Call(c, n), w.value) })), key("n", n), "style=both")
		if n == 27 {
			run(b, goroutines, per(w.forks, "fork", loop(func(b *testing.B) { want(b, "fib", fibGoroutines(n, 2), w.value) })), key("n", n))
		}
		run(b, goroutines, per(w.forks, "fork", loop(func(b *testing.B) { want(b, "fib", fibGoroutines(n, 20), w.value) })), key("n", n), "cutoff=20")
	}
}

func fibSequential(n int) int {
	if n < 2 {
		return n
	}
	return fibSequential(n-1) + fibSequential(n-2)
}

func fibHeddle(c *task.Ctx, n int) int {
	if n < 2 {
		return n
	}
	x := fibFunc.Fork(c, n-1)
	y := fibHeddle(c, n-2)
	return x.Join(c) + y
}

func fibBoth(c *task.Ctx, n int) int {
	if n < 2 {
		return n
	}
	x, y := bothFunc.Both(c, n-1, n-2)
	return x + y
}

func fibGoroutines(n, cutoff int) int {
	if n < cutoff {
		return fibSequential(n)
	}
	var x int
	var wg sync.WaitGroup
	wg.Go(func() { x = fibGoroutines(n-1, cutoff) })
	y := fibGoroutines(n-2, cutoff)
	wg.Wait()
	return x + y
}
