package benchmarks

import (
	"runtime"
	"testing"

	"github.com/heddle-go/heddle/task"
)

// BenchmarkOversubscribed computes fib(27) by forks with more workers than Ps. The baseline of its
// ratio is heddle with two workers in the same round.
func BenchmarkOversubscribed(b *testing.B) {
	const n = 27
	for _, workers := range []int{2, 8, 64, 256} {
		runOne(b, heddle, workers, func(b *testing.B, workers int) {
			runtime.GOMAXPROCS(2) // runOne restores the old value
			fib := func(workers int) func() {
				s := newScheduler(b, workers)
				return func() {
					if err := s.Go(func(c *task.Ctx) { want(b, "fib", fibFunc.Call(c, n), fibs[n].value) }).Wait(); err != nil {
						b.Error(err)
					}
				}
			}
			paired(b, fib(2), fib(workers))
		}, "procs=2", "against=workers2")
	}
}
