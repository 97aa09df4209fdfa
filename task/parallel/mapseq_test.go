package parallel_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// count yields 0 to n-1, and counts in asked how many values were asked for.
func count(n int, asked *int) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			*asked++
			if !yield(i) {
				return
			}
		}
	}
}

// Results come in order, in whatever order the calls end, and at most limit calls are under way.
func TestMapSeq(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			for _, limit := range []int{1, 2, 7, 100} {
				var active, over atomic.Int64
				asked, at := 0, 0
				for v, err := range parallel.MapSeq(c, count(60, &asked), limit, func(c *task.Ctx, i int) (int, error) {
					defer active.Add(-1)
					if active.Add(1) > int64(limit) {
						over.Add(1)
					}
					for range (60 - i) % 5 {
						c.Yield()
					}
					if i%10 == 9 {
						return 0, fmt.Errorf("error %d", i)
					}
					return i * i, nil
				}) {
					if want := at * at; at%10 == 9 {
						if err == nil || err.Error() != fmt.Sprint("error ", at) {
							return fmt.Errorf("error of %d: %v", at, err)
						}
					} else if v != want || err != nil {
						return fmt.Errorf("result of %d: %d, %v", at, v, err)
					}
					at++
					if asked > at+limit {
						return fmt.Errorf("asked for %d values with %d results taken, limit %d", asked, at, limit)
					}
				}
				if at != 60 || over.Load() > 0 {
					return fmt.Errorf("%d results; %d calls began over the limit %d", at, over.Load(), limit)
				}
			}
			return nil
		})
	})
}

// When the loop is left, the calls under way have been cancelled and have ended.
func TestMapSeqLeft(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			var begun, ended atomic.Int64
			asked := 0
			for v, err := range parallel.MapSeq(c, count(1<<30, &asked), 4, func(c *task.Ctx, i int) (int, error) {
				if i < 3 {
					for i == 2 && begun.Load() == 0 {
						c.Yield()
					}
					return i, nil
				}
				begun.Add(1)
				defer ended.Add(1)
				return 0, c.Park()
			}) {
				if err != nil {
					return err
				}
				if v == 2 {
					break
				}
			}
			if begun.Load() != ended.Load() || asked > 3+4 {
				return fmt.Errorf("%d calls begun, %d ended; asked for %d values", begun.Load(), ended.Load(), asked)
			}
			return nil
		})
	})
}

// The cancellation of the caller ends the calls and the sequence. The last error is the cause.
func TestMapSeqCancelled(t *testing.T) {
	errStop := errors.New("stop")
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		var errs []error
		asked := 0
		x := s.Go(func(c *task.Ctx) {
			self := c.Task()
			for _, err := range parallel.MapSeq(c, count(1<<30, &asked), 3, func(c *task.Ctx, i int) (int, error) {
				if i == 5 {
					self.CancelCause(errStop)
				}
				if i >= 4 {
					return 0, c.Park()
				}
				return i, nil
			}) {
				errs = append(errs, err)
			}
		})
		require.Equal(t, errStop, x.Wait())
		require.LessOrEqual(t, asked, 5+3+1)
		for i, err := range errs {
			if i < 4 {
				require.NoError(t, err)
			} else {
				require.Equal(t, errStop, err)
			}
		}
		require.Greater(t, len(errs), 5)
	})
}

// A panic of a call, of the sequence or of the loop's body reaches the caller after all calls have
// ended. So does a Goexit of the sequence or of the loop's body.
func TestMapSeqPanics(t *testing.T) {
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		within(t, s, func(c *task.Ctx) error {
			for _, place := range []string{"call", "seq", "body", "left"} {
				var begun, ended atomic.Int64
				pe := panicOf(func() {
					for v, err := range parallel.MapSeq(c, func(yield func(int) bool) {
						for i := range 10 {
							if i == 6 && place == "seq" {
								panic(place)
							}
							if !yield(i) {
								return
							}
						}
					}, 4, func(c *task.Ctx, i int) (int, error) {
						begun.Add(1)
						defer ended.Add(1)
						if i == 3 && place == "call" {
							panic(place)
						}
						if i > 3 && place == "left" {
							_ = c.Park()
							panic(place)
						}
						c.Yield()
						return i, nil
					}) {
						if err != nil {
							panic(err)
						}
						if v == 3 && place == "body" {
							panic(&task.PanicError{Value: place})
						}
						if v == 3 && place == "left" {
							break
						}
					}
				})
				if place == "left" && begun.Load() == 4 {
					pe = &task.PanicError{Value: place} // no call that panics has begun
				}
				if pe == nil || !strings.Contains(fmt.Sprint(pe.Value), place) {
					return fmt.Errorf("%s: panicked with %v", place, pe)
				}
				if begun.Load() != ended.Load() {
					return fmt.Errorf("%s: %d calls begun, %d ended", place, begun.Load(), ended.Load())
				}
			}
			return nil
		})
		x := s.Go(func(c *task.Ctx) {
			for range parallel.MapSeq(c, slices.Values([]int{1, 2, 3}), 2, func(c *task.Ctx, i int) (int, error) { return i, nil }) {
				runtime.Goexit()
			}
		})
		require.Equal(t, task.ErrGoexit, x.Wait())
		within(t, s, func(c *task.Ctx) error {
			for _, err := range parallel.MapSeq(c, slices.Values([]int{1}), 2, func(*task.Ctx, int) (int, error) { runtime.Goexit(); return 0, nil }) {
				if err != task.ErrGoexit {
					return fmt.Errorf("a Goexit gave %v", err)
				}
			}
			return nil
		})
	})
	require.Panics(t, func() {
		parallel.MapSeq(nil, slices.Values([]int{1}), 0, func(*task.Ctx, int) (int, error) { return 0, nil })
	})
	require.Panics(t, func() { parallel.MapSeq[int, int](nil, slices.Values([]int{1}), 1, nil) })
}

func ExampleMapSeq() {
	sched := newScheduler()
	defer sched.Close()

	urls := slices.Values([]string{"/a", "/b", "/c", "/d"})
	fetch := func(c *task.Ctx, url string) (string, error) {
		if err := c.Sleep(0); err != nil { // stands for the wait for the server
			return "", err
		}
		return "page of " + url, nil
	}
	_, err := parallel.Run(sched, func(c *task.Ctx) (any, error) {
		for page, err := range parallel.MapSeq(c, urls, 2, fetch) {
			if err != nil {
				return nil, err
			}
			fmt.Println(page)
		}
		return nil, nil
	})
	fmt.Println(err)
	// Output:
	// page of /a
	// page of /b
	// page of /c
	// page of /d
	// <nil>
}
