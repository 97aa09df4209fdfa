package task_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestCompleted(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		is := assert.New(t)
		for range task.Completed[int](ctx) {
			t.Error("a result of no futures")
		}

		// Results come in the order in which the tasks end, here from the last to the first.
		const n = 20
		gates := make([]task.Completion[int], n)
		var fs []*task.Future[int]
		for i := range n {
			fs = append(fs, task.Submit(s, func(c *task.Ctx) (int, error) {
				v, _ := gates[i].Wait()
				if i%3 == 0 {
					return 0, fmt.Errorf("error %d", v)
				}
				return v, nil
			}))
		}
		gates[n-1].Complete(n-1, nil)
		at := n - 1
		for v, err := range task.Completed(ctx, fs...) {
			if at%3 == 0 {
				is.EqualError(err, fmt.Sprint("error ", at))
			} else {
				is.NoError(err)
				is.Equal(at, v)
			}
			if at--; at >= 0 {
				gates[at].Complete(at, nil)
			}
		}
		is.Equal(-1, at)

		// Results that are already there come in the order of the arguments, even under a context
		// that has ended, and again in a second loop.
		over, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		for range 2 {
			i := 0
			for v, err := range task.Completed(over, fs...) {
				is.True(err == nil && v == i || i%3 == 0)
				i++
			}
			is.Equal(n, i)
		}

		// The end of the context ends the sequence. Leaving the loop leaves nothing behind.
		slow := new(task.Completion[int])
		fs = []*task.Future[int]{
			task.Submit(s, func(*task.Ctx) (int, error) { return slow.Wait() }),
			task.Submit(s, func(*task.Ctx) (int, error) { return 1, nil }),
		}
		var errs []error
		for _, err := range task.Completed(over, fs[0]) {
			errs = append(errs, err)
		}
		is.Equal([]error{errStop}, errs)
		for v := range task.Completed(ctx, fs...) {
			is.Equal(1, v)
			break
		}
		slow.Complete(2, nil)
		v, err := fs[0].Wait()
		is.NoError(err)
		is.Equal(2, v)
	})
}

// TestCompletedStress: every result comes once, in whatever order the tasks end.
func TestCompletedStress(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		for range 30 {
			var fs []*task.Future[int]
			for i := range 50 {
				fs = append(fs, task.Submit(s, func(c *task.Ctx) (int, error) {
					for range i % 7 {
						c.Yield()
					}
					return i, nil
				}))
			}
			var got []int
			for v, err := range task.Completed(ctx, fs...) {
				if err != nil {
					t.Error(err)
				}
				got = append(got, v)
			}
			slices.Sort(got)
			for i, v := range got {
				if v != i {
					t.Errorf("result %d is %d", i, v)
				}
			}
			if len(got) != len(fs) {
				t.Errorf("%d results", len(got))
			}
		}
	})
}

func ExampleCompleted() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	s.Go(func(c *task.Ctx) {
		after := func(d time.Duration, v string, err error) *task.Future[string] {
			return task.Submit(c, func(c *task.Ctx) (string, error) {
				_ = c.Sleep(d)
				return v, err
			})
		}
		slow, fast := after(20*time.Millisecond, "slow", nil), after(0, "", errors.New("fast, and wrong"))
		for v, err := range task.Completed(c, slow, fast) {
			fmt.Println(v, err)
		}
	}).Wait()
	// Output:
	//  fast, and wrong
	// slow <nil>
}
