package parallel_test

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

var fibRecursive = parallel.Recursive(func(fib *parallel.Func[int, int]) func(c *task.Ctx, n int) int {
	return func(c *task.Ctx, n int) int {
		if n < 2 {
			return n
		}
		x := fib.Fork(c, n-1)
		y := fib.Call(c, n-2)
		return x.Join(c) + y
	}
})

// A Func made by Recursive behaves like one made by Define, and may be local.
func TestRecursive(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			local := parallel.Recursive(func(*parallel.Func[int, int]) func(c *task.Ctx, n int) int { return fibBody })
			for _, f := range []*parallel.Func[int, int]{fib, fibRecursive, local} {
				if n := f.Call(c, 20); n != 6765 {
					return fmt.Errorf("%d", n)
				}
				if n := f.Fork(c, 15).Join(c); n != 610 {
					return fmt.Errorf("forked: %d", n)
				}
			}
			bad := parallel.Recursive(func(bad *parallel.Func[int, int]) func(c *task.Ctx, n int) int {
				return func(c *task.Ctx, n int) int {
					if n == 0 {
						panic(errOops)
					}
					x := bad.Fork(c, n-1)
					c.Yield()
					return x.Join(c)
				}
			})
			return mustPanic("the call", errOops, func() { bad.Fork(c, 5).Join(c) })
		})
	})
}

// BenchmarkRecursive compares Recursive with Define.
func BenchmarkRecursive(b *testing.B) {
	const n, forks = 27, 317810
	s := open(b, 1)
	for _, x := range []struct {
		impl string
		f    *parallel.Func[int, int]
	}{{"define", fib}, {"recursive", fibRecursive}} {
		b.Run("impl="+x.impl, func(b *testing.B) {
			s.Go(func(c *task.Ctx) {
				for b.Loop() {
					x.f.Call(c, n)
				}
			}).Wait()
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/forks, "ns/fork")
		})
	}
}
