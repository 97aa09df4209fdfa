package parallel_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

func TestDo(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for n := range 20 {
			within(t, s, func(c *task.Ctx) error {
				ran := make([]atomic.Int32, n)
				fns := make([]func(c *task.Ctx), n)
				for i := range fns {
					fns[i] = func(c *task.Ctx) { linger(100); c.Checkpoint(); ran[i].Add(1) }
				}
				parallel.Do(c, fns...)
				for i := range ran {
					if k := ran[i].Load(); k != 1 {
						return fmt.Errorf("function %d of %d ran %d times", i, n, k)
					}
				}
				return nil
			})
		}
	})
}

// On one worker Do is a sequence of calls.
func TestDoOrder(t *testing.T) {
	within(t, open(t, 1), func(c *task.Ctx) error {
		var order []int
		add := func(i int) func(*task.Ctx) { return func(*task.Ctx) { order = append(order, i) } }
		parallel.Do(c, add(0), add(1), add(2), add(3))
		if fmt.Sprint(order) != "[0 1 2 3]" {
			return fmt.Errorf("order %v", order)
		}
		return nil
	})
}

// A panic reaches the caller after the siblings have ended, whichever worker ran each of them.
func TestDoPanics(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for range scale(40) {
			for n := 1; n <= 4; n++ {
				for bad := range n {
					within(t, s, func(c *task.Ctx) error {
						var ended atomic.Int32
						fns := make([]func(c *task.Ctx), n)
						for i := range fns {
							fns[i] = func(c *task.Ctx) {
								defer ended.Add(1)
								if i == bad {
									panicHere()
								}
								linger(2000)
								c.Yield()
							}
						}
						var left int32
						pe := panicOf(func() {
							defer func() { left = int32(n) - ended.Load() }()
							parallel.Do(c, fns...)
						})
						switch {
						case pe == nil || pe.Value != errOops:
							return fmt.Errorf("%d of %d: %v", bad, n, pe)
						case left != 0:
							return fmt.Errorf("%d of %d: %d siblings had not ended", bad, n, left)
						case !strings.Contains(string(pe.Stack), "panicHere"):
							return fmt.Errorf("%d of %d: not the child's stack:\n%s", bad, n, pe.Stack)
						}
						return nil
					})
				}
			}
		}
	})
}

func TestDoReportsTheFirst(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			return mustPanic("Do", 1, func() {
				parallel.Do(c, func(*task.Ctx) {}, func(*task.Ctx) { linger(1000); panic(1) }, func(*task.Ctx) { panic(2) })
			})
		})
	})
}

// If a function forks calls and panics before it joins them, the calls have ended when Do panics,
// and the caller may go on.
func TestDoAfterForksThatAreLost(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for range scale(100) {
			within(t, s, func(c *task.Ctx) error {
				outer := fib.Fork(c, 10)
				lose := func(c *task.Ctx) {
					for i := range 5 {
						fib.Fork(c, i)
						if i == 2 {
							c.Yield() // exposes the forked calls
						}
					}
					panic(errOops)
				}
				for range 3 {
					if err := mustPanic("Do", errOops, func() { parallel.Do(c, lose, lose, func(*task.Ctx) {}) }); err != nil {
						return err
					}
				}
				if n := outer.Join(c); n != 55 {
					return fmt.Errorf("outer call: %d", n)
				}
				return nil
			})
		}
	})
}

func TestDoGoexit(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for range scale(50) {
			// Whichever worker runs the second function, its Goexit ends the calling task.
			task := s.Go(func(c *task.Ctx) {
				defer func() { recover() }()
				parallel.Do(c, func(*task.Ctx) { linger(5000) }, func(*task.Ctx) { runtime.Goexit() }, func(*task.Ctx) {})
			})
			if err := task.Wait(); err != nil && !errors.Is(err, errGoexit) {
				t.Fatal(err)
			}
		}
	})
}

var errGoexit = task.ErrGoexit

func TestScope(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for _, n := range []int{0, 1, 10, 1023, 1024, 1025, max(scale(20_000), 3000)} {
			within(t, s, func(c *task.Ctx) error {
				ran := make([]atomic.Int32, n)
				parallel.InScope(c, func(sc *parallel.Scope) {
					for i := range n {
						sc.Go(c, func(c *task.Ctx) {
							if i%100 == 0 {
								c.Yield()
							}
							ran[i].Add(1)
						})
					}
				})
				for i := range ran {
					if k := ran[i].Load(); k != 1 {
						return fmt.Errorf("child %d of %d ran %d times", i, n, k)
					}
				}
				return nil
			})
		}
	})
}

func TestScopePanics(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			var ran atomic.Int32
			if err := mustPanic("a child", 3, func() {
				parallel.InScope(c, func(sc *parallel.Scope) {
					for i := range 10 {
						sc.Go(c, func(c *task.Ctx) {
							ran.Add(1)
							if i >= 3 {
								panic(i)
							}
						})
					}
				})
			}); err != nil {
				return err
			}
			if err := mustPanic("the scope's function", errOops, func() {
				parallel.InScope(c, func(sc *parallel.Scope) {
					for range 10 {
						sc.Go(c, func(c *task.Ctx) { ran.Add(1); panic(1) })
						fib.Fork(c, 10)
					}
					panic(errOops)
				})
			}); err != nil {
				return err
			}
			if n := ran.Load(); n != 20 {
				return fmt.Errorf("%d children ran, want 20", n)
			}
			return nil
		})
	})
}

func TestScopeMisuse(t *testing.T) {
	s := open(t, 2)
	within(t, s, func(c *task.Ctx) error {
		var late *parallel.Scope
		var other, none *task.PanicError
		parallel.InScope(c, func(sc *parallel.Scope) {
			late = sc
			x := c.Go(func(c *task.Ctx) {
				other = panicText(func() { sc.Go(c, func(*task.Ctx) {}) })
			})
			x.WaitContext(c)
			none = panicText(func() { sc.Go(c, nil) })
		})
		after := panicText(func() { late.Go(c, func(*task.Ctx) {}) })
		for want, pe := range map[string]*task.PanicError{
			"another task": other, "nil function": none, "after InScope has returned": after,
		} {
			if pe == nil || !strings.Contains(fmt.Sprint(pe.Value), want) {
				return fmt.Errorf("want a panic about %q, got %v", want, pe)
			}
		}
		return nil
	})
}

// panicText is panicOf for panics with a plain value.
func panicText(f func()) (pe *task.PanicError) {
	defer func() {
		if v := recover(); v != nil {
			pe = &task.PanicError{Value: v}
		}
	}()
	f()
	return nil
}

func TestNilFunctions(t *testing.T) {
	require.Panics(t, func() { parallel.Define[int, int](nil) })
	require.Panics(t, func() { parallel.Run[int](open(t, 1), nil) })
	require.Panics(t, func() { parallel.WithGrain(0) })
	require.Panics(t, func() { parallel.WithProgress(-1, func(int, int) {}) })
	require.Panics(t, func() { parallel.WithProgress(0, nil) })
}

// Do runs its functions for the calling task, whichever Ctx it is given: that of another task, or
// of one that has ended and whose descriptor the caller has now.
func TestDoByAnother(t *testing.T) {
	s := open(t, 1)
	var ended *task.Ctx
	for range 3 {
		err := s.Go(func(outer *task.Ctx) {
			if ended == nil {
				ended = outer
			}
			assert.NoError(t, outer.Go(func(c *task.Ctx) {
				for _, given := range []*task.Ctx{c, outer, ended} {
					var ran [2]*task.Ctx
					parallel.Do(given,
						func(c *task.Ctx) { ran[0] = c },
						func(c *task.Ctx) { ran[1] = c })
					assert.Same(t, c, ran[0])
					assert.Same(t, c, ran[1])
				}
			}).Wait())
			var ran [2]*task.Ctx
			parallel.Do(ended, func(c *task.Ctx) { ran[0] = c }, func(c *task.Ctx) { ran[1] = c })
			assert.Equal(t, [2]*task.Ctx{outer, outer}, ran)
		}).Wait()
		require.NoError(t, err)
	}
	assert.Panics(t, func() { parallel.Do(ended, func(*task.Ctx) {}, func(*task.Ctx) {}) }, "no task calls")
}
