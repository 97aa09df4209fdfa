package parallel_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A loop panics with the panic of the lowest index, as a plain loop does, after it has handled all
// lower indexes.
func TestLowestPanicWins(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for range scale(40) {
			within(t, s, func(c *task.Ctx) error {
				var below atomic.Int32
				err := mustPanic("For", 50, func() {
					parallel.For(c, 200, func(_ *task.Ctx, i int) {
						linger(200)
						if i >= 50 && i%10 == 0 {
							panic(i)
						}
						if i < 50 {
							below.Add(1)
						}
					})
				})
				if n := below.Load(); n != 50 {
					return fmt.Errorf("%d of 50 were handled", n)
				}
				return err
			})
		}
	})
}

func TestProgress(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for name, alg := range algorithms {
			if name == "ForEachSeq" {
				continue
			}
			within(t, s, func(c *task.Ctx) error {
				last, total := 0, 0
				err := alg(c, numbers(5000, 4), func() {}, parallel.WithProgress(0, func(done, of int) {
					if done <= last || done > of {
						panic(fmt.Sprintf("%d after %d, of %d", done, last, of))
					}
					last, total = done, of
				}))
				if last != total || total == 0 {
					return fmt.Errorf("%s: ended with %d of %d", name, last, total)
				}
				return err
			})
		}
	})
}

func TestProgressPanics(t *testing.T) {
	within(t, open(t, 2), func(c *task.Ctx) error {
		return mustPanic("For", errOops, func() {
			parallel.For(c, 100, func(*task.Ctx, int) {}, parallel.WithProgress(time.Hour, func(int, int) { panic(errOops) }))
		})
	})
}

// An endless sequence yields no more values than its consumers need.
func TestForEachSeqIsLazy(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			yielded := 0
			pe := panicOf(func() {
				parallel.ForEachSeq(c, func(yield func(int) bool) {
					for yielded = 0; yield(yielded); yielded++ {
					}
				}, func(_ *task.Ctx, x int) {
					if x == 5000 {
						panic(errOops)
					}
				})
			})
			if pe == nil || pe.Value != errOops {
				return fmt.Errorf("got %v", pe)
			}
			return nil
		})
	})
}

func TestSeqPanics(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			return mustPanic("ForEachSeq", errOops, func() {
				parallel.ForEachSeq(c, func(yield func(int) bool) {
					for i := range 100 {
						yield(i)
					}
					panic(errOops)
				}, func(*task.Ctx, int) {})
			})
		})
	})
}

// With idle workers, even a few long elements run in parallel.
func TestForUsesWorkers(t *testing.T) {
	s := open(t, 4)
	within(t, s, func(c *task.Ctx) error {
		// Each element waits for all four, so the test ends only if every worker gets one.
		var inFor, inDo atomic.Int32
		meet := func(c *task.Ctx, at *atomic.Int32) {
			at.Add(1)
			for at.Load() < 4 {
				c.Checkpoint()
			}
		}
		err := parallel.For(c, 4, func(c *task.Ctx, i int) { meet(c, &inFor) })
		f := func(c *task.Ctx) { meet(c, &inDo) }
		parallel.Do(c, f, f, f, f)
		return err
	})
}

func TestResultsAreZeroWhenCancelled(t *testing.T) {
	s := open(t, 1)
	var err error
	var n int
	s.Go(func(c *task.Ctx) {
		c.Cancel()
		n, err = parallel.Reduce(c, []int{1, 2}, 7, func(a, b int) int { return a + b })
	}).Wait()
	require.Error(t, err)
	require.Zero(t, n)
}
