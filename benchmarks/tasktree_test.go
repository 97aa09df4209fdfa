package benchmarks

import (
	"testing"

	"github.com/heddle-go/heddle/task"
)

// BenchmarkTaskTree computes fib(22) with a plain task for each of the 57,312 calls. Parents get
// the results by Join or as futures. The baseline of its ratio is a goroutine for each call, which
// closes a channel that the parent receives from, or sends the result.
func BenchmarkTaskTree(b *testing.B) {
	const n, value = 22, 17_711
	run(b, heddle, func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		paired(b, func() { want(b, "fib", fibJoinGoroutines(n), value) }, func() {
			err := s.Go(func(c *task.Ctx) { want(b, "fib", fibJoin(c, n), value) }).Wait()
			want(b, "error", err, nil)
		})
	}, "by=join", "against=goroutines")
	run(b, heddle, func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		paired(b, func() { want(b, "fib", fibSendGoroutines(n), value) }, func() {
			err := s.Go(func(c *task.Ctx) {
				v, err := fibFuture(c, n)
				want(b, "fib", v, value)
				want(b, "error", err, nil)
			}).Wait()
			want(b, "error", err, nil)
		})
	}, "by=future", "against=goroutines")
}

func fibJoin(c *task.Ctx, n int) int {
	if n < 2 {
		return n
	}
	var x int
	t := c.Go(func(c *task.Ctx) { x = fibJoin(c, n-1) })
	y := fibJoin(c, n-2)
	_ = t.Wait() // an error would come from the outermost call
	return x + y
}

func fibJoinGoroutines(n int) int {
	if n < 2 {
		return n
	}
	var x int
	done := make(chan struct{})
	go func() {
		defer close(done)
		x = fibJoinGoroutines(n - 1)
	}()
	y := fibJoinGoroutines(n - 2)
	<-done
	return x + y
}

func fibFuture(c *task.Ctx, n int) (int, error) {
	if n < 2 {
		return n, nil
	}
	f := task.Submit(c, func(c *task.Ctx) (int, error) { return fibFuture(c, n-1) })
	y, err := fibFuture(c, n-2)
	if err != nil {
		return 0, err
	}
	x, err := f.Wait()
	return x + y, err
}

func fibSendGoroutines(n int) int {
	if n < 2 {
		return n
	}
	result := make(chan int, 1)
	go func() { result <- fibSendGoroutines(n - 1) }()
	y := fibSendGoroutines(n - 2)
	return <-result + y
}
