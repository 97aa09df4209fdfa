package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

func TestFuture(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		on := starter(s, ctx)
		f := task.Submit(on, func(c *task.Ctx) (int, error) { c.Yield(); return 7, errStop })
		for range 2 {
			v, err := f.WaitContext(ctx)
			assert.Equal(t, 7, v)
			assert.Equal(t, errStop, err)
		}
		assert.True(t, f.Ready())
		<-f.Done()

		f = task.Submit(on, func(*task.Ctx) (int, error) { panic(errStop) })
		_, err := f.WaitContext(ctx)
		var pe *task.PanicError
		assert.ErrorAs(t, err, &pe)
		assert.ErrorIs(t, err, errStop)

		f = task.Submit(on, func(*task.Ctx) (int, error) { runtime.Goexit(); return 0, nil })
		_, err = f.WaitContext(ctx)
		assert.Equal(t, task.ErrGoexit, err)

		f = task.Submit(on, func(c *task.Ctx) (int, error) { return 1, untilCancelled(c) })
		assert.False(t, f.Ready())
		short, cancel := context.WithCancelCause(ctx)
		time.AfterFunc(time.Millisecond, func() { cancel(errStop) })
		_, err = f.WaitContext(short)
		assert.Equal(t, errStop, err)
		f.Task().CancelCause(errors.New("done with it"))
		_, err = f.WaitContext(ctx)
		assert.ErrorContains(t, err, "done with it")
		_, err = f.WaitContext(short)
		assert.ErrorContains(t, err, "done with it", "a result that is there comes first")

		var fs []*task.Future[int]
		for i := range 10 {
			fs = append(fs, task.Submit(on, func(*task.Ctx) (int, error) { return i, nil }, task.Name("f")))
		}
		vs, err := task.All(ctx, fs...)
		assert.NoError(t, err)
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, vs)
		vs, err = task.All(ctx, fs[0], f)
		assert.Error(t, err)
		assert.Nil(t, vs)
		_, err = task.All(short, fs...)
		assert.Equal(t, errStop, err)
	})
}

func TestFutureClosed(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		f := task.Submit(s, func(c *task.Ctx) (int, error) { return 0, untilCancelled(c) })
		s.Close()
		_, err := f.WaitContext(context.Background())
		require.ErrorIs(t, err, task.ErrClosed)
		f = task.Submit(s, func(c *task.Ctx) (int, error) { return 0, nil })
		_, err = f.WaitContext(context.Background())
		require.ErrorIs(t, err, task.ErrClosed)
		require.ErrorIs(t, f.Task().Err(), task.ErrClosed)
	})
}

// Many tasks complete, many wait, and some give up.
func TestCompletion(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		for range 50 {
			var p task.Completion[int]
			var won, seen atomic.Int32
			g := task.NewGroup(s)
			for i := range 4 {
				g.GoContext(ctx, func(c *task.Ctx) error {
					v, err := p.WaitContext(c)
					if err == nil {
						seen.Store(int32(v))
					}
					return err
				})
				g.GoContext(ctx, func(c *task.Ctx) error {
					short, cancel := context.WithCancelCause(c)
					go cancel(errStop)
					if _, err := p.WaitContext(short); err != nil && err != errStop {
						return err
					}
					return nil
				})
				go func() {
					if p.Complete(i+1, nil) {
						won.Store(int32(i + 1))
						p.Complete(9, errStop)
					}
				}()
			}
			v, err := p.WaitContext(ctx)
			assert.NoError(t, err)
			assert.NoError(t, g.WaitContext(ctx))
			assert.EqualValues(t, v, seen.Load())
			assert.True(t, p.Ready())
			assert.False(t, p.Complete(1, nil))
			<-p.Done()
		}
	})
}

func TestCompletionDone(t *testing.T) {
	var p task.Completion[string]
	require.False(t, p.Ready())
	var wg sync.WaitGroup
	done := p.Done()
	wg.Go(func() { <-done })
	require.True(t, p.Complete("a", errStop))
	wg.Wait()
	v, err := p.WaitContext(context.Background())
	require.Equal(t, "a", v)
	require.Equal(t, errStop, err)
	var nothing context.Context
	require.Panics(t, func() { p.WaitContext(nothing) })
}

func ExampleSubmit() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	f := task.Submit(s, func(c *task.Ctx) (int, error) { return 6 * 7, nil })
	fmt.Println(f.Wait())
	// Output: 42 <nil>
}

func ExampleCompletion() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	var done task.Completion[string]
	t := s.Go(func(c *task.Ctx) { fmt.Println(done.Wait()) })
	time.AfterFunc(time.Millisecond, func() { done.Complete("called back", nil) })
	t.Wait()
	// Output: called back <nil>
}
