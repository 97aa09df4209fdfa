package task_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestRace(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		on := starter(s, ctx)
		is := func(v int, err error) *task.Future[int] {
			f := task.Submit(on, func(*task.Ctx) (int, error) { return v, err })
			f.WaitContext(ctx)
			return f
		}
		never := task.Submit(on, func(c *task.Ctx) (int, error) { return 0, untilCancelled(c) })

		v, err := task.Race(ctx, never, is(7, nil), is(8, nil))
		assert.NoError(t, err)
		assert.Equal(t, 7, v, "the first in order of those that are there")

		v, err = task.Race(ctx, never, is(3, errStop), is(8, nil))
		assert.Equal(t, errStop, err, "an error finishes first too")
		assert.Equal(t, 3, v)

		var gate task.Completion[int]
		late := task.Submit(on, func(c *task.Ctx) (int, error) { return gate.WaitContext(c) })
		for range 100 {
			short, cancel := context.WithCancelCause(ctx)
			go cancel(errStop)
			_, err = task.Race(short, never, late)
			assert.Equal(t, errStop, err)
		}
		time.AfterFunc(time.Millisecond, func() { gate.Complete(9, nil) })
		v, err = task.Race(ctx, never, late)
		assert.NoError(t, err)
		assert.Equal(t, 9, v)

		assert.False(t, never.Ready(), "losers go on")
		never.Task().CancelCause(errStop)
		_, err = never.WaitContext(ctx)
		assert.Equal(t, errStop, err)
		assert.Contains(t, fmt.Sprint(recovered(func() { task.Race[int](ctx) })), "Race without futures")
	})
}

func TestFirst(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		on := starter(s, ctx)
		never := func() *task.Future[int] {
			return task.Submit(on, func(c *task.Ctx) (int, error) { return 0, untilCancelled(c) })
		}
		after := func(gate *task.Completion[int], v int, err error) *task.Future[int] {
			return task.Submit(on, func(c *task.Ctx) (int, error) {
				gate.WaitContext(c)
				return v, err
			})
		}
		other := errors.New("other")

		// A success wins over failures that came before it, and cancels the other tasks.
		var a, b task.Completion[int]
		fs := []*task.Future[int]{never(), after(&a, 1, errStop), after(&b, 2, nil), never()}
		a.Complete(0, nil)
		fs[1].WaitContext(ctx)
		time.AfterFunc(time.Millisecond, func() { b.Complete(0, nil) })
		v, err := task.First(ctx, fs...)
		assert.NoError(t, err)
		assert.Equal(t, 2, v)
		for _, i := range []int{0, 3} {
			_, err := fs[i].WaitContext(ctx)
			assert.Equal(t, context.Canceled, err)
		}
		_, err = fs[1].WaitContext(ctx)
		assert.Equal(t, errStop, err)

		// All fail, the last argument first. The errors are joined in the order of the arguments.
		var gates [3]task.Completion[int]
		errs := []error{errStop, other, errors.New("third")}
		fs = nil
		for i := range gates {
			fs = append(fs, after(&gates[i], 5, errs[i]))
		}
		gates[2].Complete(0, nil)
		time.AfterFunc(time.Millisecond, func() { gates[1].Complete(0, nil); gates[0].Complete(0, nil) })
		v, err = task.First(ctx, fs...)
		assert.Zero(t, v)
		assert.EqualError(t, err, "stop\nother\nthird")
		assert.ErrorIs(t, err, other)

		// If First gives up, it leaves everything as it was.
		f := never()
		short, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(time.Millisecond, func() { cancel(errStop) })
		_, err = task.First(short, f)
		assert.Equal(t, errStop, err)
		assert.False(t, f.Ready())
		assert.NoError(t, f.Task().Err())
		f.Task().Cancel()
		f.WaitContext(ctx)
		assert.Contains(t, fmt.Sprint(recovered(func() { task.First[int](ctx) })), "First without futures")
	})
}

// Results come from all workers at the same time. There is one winner, and nothing hangs.
func TestFirstStress(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		rounds := 300
		if testing.Short() {
			rounds = 50
		}
		for i := range rounds {
			var fs []*task.Future[int]
			for j := range 6 {
				fs = append(fs, task.Submit(s, func(*task.Ctx) (int, error) {
					if (i+j)%3 == 0 {
						return j, nil
					}
					return -1, errStop
				}))
			}
			v, err := task.First(context.Background(), fs...)
			require.NoError(t, err)
			require.Zero(t, (i+v)%3)
			_, err = task.First(context.Background(), fs[(3-i%3+1)%3], fs[(3-i%3+2)%3])
			require.Error(t, err)
			_, err = task.Race(context.Background(), fs...)
			if err != nil && err != errStop {
				require.Equal(t, context.Canceled, err, "a loser that First has cancelled before it started")
			}
		}
	})
}

func ExampleFirst() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	broken := task.Submit(s, func(*task.Ctx) (string, error) { return "", errors.New("mirror is down") })
	slow := task.Submit(s, func(c *task.Ctx) (string, error) { return "slow mirror", c.Sleep(time.Hour) })
	fast := task.Submit(s, func(*task.Ctx) (string, error) { return "fast mirror", nil })
	fmt.Println(task.First(context.Background(), broken, slow, fast))
	_, err = slow.Wait()
	fmt.Println(err)
	// Output:
	// fast mirror <nil>
	// context canceled
}
