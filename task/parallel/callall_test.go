package parallel_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// The results are in the order of the arguments, for any number of arguments and wherever the calls
// are made.
func TestCallAll(t *testing.T) {
	triple := parallel.Define(func(c *task.Ctx, n int) int {
		if n%3 == 0 {
			c.Yield()
		}
		linger(n % 500)
		return 3 * n
	})
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			before := fib.Fork(c, 10)
			for n := range scale(200) {
				args, want := make([]int, n), make([]int, n)
				for i := range args {
					args[i], want[i] = n+i, 3*(n+i)
				}
				if got := triple.CallAll(c, args); !slices.Equal(got, want) {
					return fmt.Errorf("%v, want %v", got, want)
				}
				got := triple.AppendAll(c, []int{7}, args)
				if got[0] != 7 || !slices.Equal(got[1:], want) {
					return fmt.Errorf("%v, want 7 and %v", got, want)
				}
			}
			if n := before.Join(c); n != 55 {
				return fmt.Errorf("the call forked before: %d", n)
			}
			return nil
		})
	})
}

// In a cancelled task the calls are made, and see the cancellation.
func TestCallAllCancelled(t *testing.T) {
	cause := parallel.Define(func(c *task.Ctx, n int) error {
		if n == 3 {
			c.Yield()
		}
		return c.Cause()
	})
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			c.Task().CancelCause(errOops)
			for i, err := range cause.CallAll(c, []int{0, 1, 2, 3, 4, 5}) {
				if err != errOops || !errors.Is(c.Err(), context.Canceled) {
					return fmt.Errorf("call %d: %v", i, err)
				}
			}
			return nil
		})
	})
}

// A recursion through AppendAll does not allocate.
func TestAppendAllDoesNotAllocate(t *testing.T) {
	var count *parallel.Func[int, int]
	count = parallel.Define(func(c *task.Ctx, n int) int {
		if n == 0 {
			return 1
		}
		var args, room [10]int
		for i := range args[:n] {
			args[i] = n - 1
		}
		sum := 1
		for _, k := range count.AppendAll(c, room[:0], args[:n]) {
			sum += k
		}
		return sum
	})
	s := open(t, 1)
	allocs := 0.0
	within(t, s, func(c *task.Ctx) error {
		for range 2 {
			if n := count.Call(c, 6); n != 1957 { // sum of 6!/k!
				return fmt.Errorf("%d nodes", n)
			}
		}
		if args := make([]int, 100); len(count.CallAll(c, args)) != 100 {
			return errors.New("not all")
		}
		allocs = testing.AllocsPerRun(100, func() { count.Call(c, 6) })
		return nil
	})
	require.Less(t, allocs, 1.0)
}
