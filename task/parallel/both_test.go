package parallel_test

import (
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

var fibBoth *parallel.Func[int, int]

func init() {
	fibBoth = parallel.Define(func(c *task.Ctx, n int) int {
		if n < 2 {
			return n
		}
		x, y := fibBoth.Both(c, n-1, n-2)
		return x + y
	})
}

// The results are in the order of the arguments, also if the calls yield, if the deque has frames
// of other Funcs, and if the task has forked before.
func TestBoth(t *testing.T) {
	pairOf := parallel.Define(func(c *task.Ctx, n int) [2]int {
		if n%7 == 0 {
			c.Yield()
		}
		linger(n % 300)
		return [2]int{n, fib.Fork(c, n%5).Join(c)}
	})
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			before := fib.Fork(c, 10)
			for n := range scale(400) {
				x, y := pairOf.Both(c, n, n+1)
				if x[0] != n || y[0] != n+1 {
					return fmt.Errorf("%v and %v for %d", x, y, n)
				}
			}
			if n := fibBoth.Call(c, 20); n != 6765 {
				return fmt.Errorf("fib is %d", n)
			}
			if n := before.Join(c); n != 55 {
				return fmt.Errorf("the call forked before: %d", n)
			}
			return nil
		})
	})
}

// Both lets a panic of a call that the task makes itself pass unchanged, whether the frame was at
// rest, new, or exposed to thieves in between. Run and Join make a PanicError of it.
func TestBothLetsPanicsPass(t *testing.T) {
	s := open(t, 1)
	for _, in := range []int{1, 2} {
		for _, yields := range []bool{false, true} {
			f := parallel.Define(func(c *task.Ctx, n int) int {
				if yields && n == 1 {
					c.Yield() // exposes the other call
				}
				if n == in {
					panic(errOops)
				}
				return n
			})
			for range 3 { // the frame is new, and at rest later
				if in == 2 && !yields { // otherwise the other call stays forked, or runs as a task
					within(t, s, func(c *task.Ctx) (err error) {
						defer func() {
							if v := recover(); v != any(errOops) {
								err = fmt.Errorf("got %v", v)
							}
						}()
						f.Both(c, 1, 2)
						return nil
					})
				}
				pe := panicOf(func() {
					_, _ = parallel.Run(s, func(c *task.Ctx) (int, error) {
						x, _ := f.Both(c, 1, 2)
						return x, nil
					})
				})
				require.Equal(t, any(errOops), pe.Value)
				require.Contains(t, string(pe.Stack), "TestBothLetsPanicsPass")
			}
		}
	}
}

// If another worker makes the call with b, Both waits for it, and panics with its PanicError or
// ends the task by its Goexit.
func TestBothOfAStolenCall(t *testing.T) {
	s := open(t, 2)
	for how, want := range map[string]error{"return": nil, "panic": errOops, "exit": task.ErrGoexit} {
		var stolen atomic.Bool
		f := parallel.Define(func(c *task.Ctx, n int) int {
			if n == 1 {
				for !stolen.Load() {
					c.Checkpoint()
					runtime.Gosched()
				}
				return n
			}
			stolen.Store(true)
			switch how {
			case "panic":
				panic(errOops)
			case "exit":
				runtime.Goexit()
			}
			return n
		})
		var pe *task.PanicError
		sum := 0
		err := s.Go(func(c *task.Ctx) {
			pe = panicOf(func() {
				// This leaves a frame of another Func.
				parallel.Do(c, func(*task.Ctx) {}, func(*task.Ctx) {})
				x, y := f.Both(c, 1, 2)
				sum = x + y
			})
		}).Wait()
		switch {
		case how == "return":
			require.NoError(t, err)
			require.Equal(t, 3, sum)
		case how == "panic":
			require.Equal(t, any(want), pe.Value)
		default:
			require.ErrorIs(t, err, want)
		}
	}
}

func TestBothDoesNotAllocate(t *testing.T) {
	s := open(t, 1)
	allocs := 0.0
	within(t, s, func(c *task.Ctx) error {
		if fibBoth.Call(c, 12) != 144 {
			return errors.New("fib")
		}
		allocs = testing.AllocsPerRun(100, func() { fibBoth.Call(c, 12) })
		return nil
	})
	require.Less(t, allocs, 1.0)
}
