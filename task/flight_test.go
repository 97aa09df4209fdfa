package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Callers that come while a call is under way share its result. There is one call at a time for
// each key.
func TestFlight(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		is := assert.New(t)
		var f task.Flight[int, string]
		gate := new(task.Completion[int])
		var calls, waiting atomic.Int64
		var ts []task.Task
		for range 20 {
			ts = append(ts, s.Go(func(c *task.Ctx) {
				waiting.Add(1)
				v, err := f.Do(1, func() (string, error) {
					calls.Add(1)
					_, err := gate.Wait()
					return "one", err
				})
				is.Equal("one", v)
				is.Equal(errStop, err)
			}))
		}
		for waiting.Load() < 20 {
			if c, ok := task.Current(); ok {
				c.Yield()
			} else {
				runtime.Gosched()
			}
		}
		// Meanwhile another key has a call of its own. The end of a context ends the wait, or
		// prevents the call.
		v, err := f.DoContext(ctx, 2, func() (string, error) { return "two", nil })
		is.Equal("two", v)
		is.NoError(err)
		over, cancel := context.WithCancelCause(ctx)
		cancel(errors.New("over"))
		for _, key := range []int{1, 3} {
			_, err = f.DoContext(over, key, func() (string, error) { t.Error("called"); return "", nil })
			is.EqualError(err, "over")
		}
		gate.Complete(0, errStop)
		for _, x := range ts {
			is.NoError(x.Wait())
		}
		if n := calls.Load(); n < 1 || n > 20 {
			t.Errorf("%d calls", n)
		}
		// A Flight forgets a call that has ended.
		v, err = f.Do(1, func() (string, error) { return "again", nil })
		is.Equal("again", v)
		is.NoError(err)
	})
}

// Only one call is made: while the first caller is in it, the others wait.
func TestFlightShares(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		var f task.Flight[string, int]
		gate, begun := new(task.Completion[int]), new(task.Completion[int])
		first := s.Go(func(*task.Ctx) {
			_, _ = f.Do("a", func() (int, error) { begun.Complete(0, nil); return gate.Wait() })
		})
		_, _ = begun.Wait()
		never := func() (int, error) { panic("a second call") }
		var fs []*task.Future[int]
		for range 10 {
			fs = append(fs, task.Submit(s, func(*task.Ctx) (int, error) { return f.Do("a", never) }))
		}
		// All of them must wait before the gate opens. Otherwise there would be a second call.
		for _, x := range fs {
			for x.Task().State() != task.Waiting {
				runtime.Gosched()
			}
		}
		f.Forget("a")
		v, err := f.Do("a", func() (int, error) { return 5, nil })
		require.NoError(t, err)
		require.Equal(t, 5, v, "the call under way was forgotten")
		gate.Complete(7, nil)
		for _, x := range fs {
			v, err := x.Wait()
			require.NoError(t, err)
			require.Equal(t, 7, v)
		}
		require.NoError(t, first.Wait())
	})
}

// The other callers get a panic and a Goexit as errors.
func TestFlightFails(t *testing.T) {
	guarded(t, []scheduler.Option{scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {})}, func(t *testing.T, s *scheduler.Scheduler) {
		for _, end := range []func(){func() { panic("fell") }, runtime.Goexit} {
			var f task.Flight[int, int]
			gate, begun := new(task.Completion[int]), new(task.Completion[int])
			first := s.Go(func(*task.Ctx) {
				_, _ = f.Do(1, func() (int, error) { begun.Complete(0, nil); _, _ = gate.Wait(); end(); return 1, nil })
			})
			_, _ = begun.Wait()
			other := task.Submit(s, func(*task.Ctx) (int, error) { return f.Do(1, func() (int, error) { return 2, nil }) })
			for other.Task().State() != task.Waiting {
				runtime.Gosched()
			}
			gate.Complete(0, nil)
			_, err := other.Wait()
			require.Error(t, err)
			require.Equal(t, fmt.Sprint(first.Wait()), fmt.Sprint(err))
			v, err := f.Do(1, func() (int, error) { return 3, nil })
			require.NoError(t, err)
			require.Equal(t, 3, v)
		}
	})
	require.Contains(t, fmt.Sprint(recovered(func() { _, _ = new(task.Flight[int, int]).Do(1, nil) })), "nil function")
	var keys task.Flight[any, int]
	require.Contains(t, fmt.Sprint(recovered(func() { _, _ = keys.Do([]int{}, func() (int, error) { return 0, nil }) })), "hash")
	_, err := keys.Do(1, func() (int, error) { return 0, nil })
	require.NoError(t, err, "the lock is free")
}

func ExampleFlight() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	var pages task.Flight[string, string]
	get := func(c *task.Ctx, url string) (string, error) {
		// The function is called once for all concurrent callers.
		return pages.DoContext(c, url, func() (string, error) {
			_ = c.Sleep(0) // asks the server
			return "the page at " + url, nil
		})
	}
	var g task.Group
	s.Go(func(c *task.Ctx) {
		texts := make([]string, 3)
		for i := range texts {
			g.Go(func(c *task.Ctx) (err error) {
				texts[i], err = get(c, "/index")
				return err
			})
		}
		fmt.Println(g.Wait(), texts[0] == texts[1] && texts[1] == texts[2])
	}).Wait()
	// Output: <nil> true
}
