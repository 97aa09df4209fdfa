package task_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A native is what errgroup.Group offers, and task.Group too when one leaves out who waits.
type native interface {
	Go(f func() error)
	TryGo(f func() error) bool
	SetLimit(n int)
	Wait() error
}

// asNative is a task.Group of which ctx's task, or a goroutine, uses the methods.
type asNative struct {
	*task.Group
	ctx context.Context
}

func (g asNative) Go(f func() error) {
	if err := g.Group.Go(g.ctx, func(*task.Ctx) error { return f() }); err != nil {
		panic(err)
	}
}

func (g asNative) TryGo(f func() error) bool {
	return g.Group.TryGo(func(*task.Ctx) error { return f() })
}

func (g asNative) Wait() error { return g.Group.Wait(g.ctx) }

// What errgroup documents, point by point, holds for errgroup itself, which shows that the test means what it says, and for
// task.Group.
func TestErrgroup(t *testing.T) {
	type maker struct {
		plain func() native
		under func(ctx context.Context) (native, context.Context)
	}
	body := func(t *assert.Assertions, ctx context.Context, mk maker) {
		fail := func(err error) func() error { return func() error { return err } }
		fine := fail(nil)

		// A plain group, errgroup's zero value, has no limit and cancels nobody.
		g := mk.plain()
		t.NoError(g.Wait())
		var n atomic.Int32
		gate := make(chan struct{})
		for range 3 {
			// Go does not wait for the functions; without a limit TryGo always adds one.
			g.Go(func() error { n.Add(1); return nil })
			t.True(g.TryGo(func() error { n.Add(1); return errStop }))
		}
		// Wait waits for all, those of TryGo too, and returns an error if there was one.
		t.Equal(errStop, g.Wait())
		t.EqualValues(6, n.Load())
		t.Equal(errStop, g.Wait(), "and again")

		// If there were several, it is the first in time.
		g = mk.plain()
		g.SetLimit(1)
		g.Go(fine)
		g.Go(fail(errStop))
		g.Go(fail(errors.New("later")))
		g.Go(fine)
		t.Equal(errStop, g.Wait())

		// The group's context is derived from the given one,
		type key struct{}
		g, gctx := mk.under(context.WithValue(ctx, key{}, 7))
		t.Equal(7, gctx.Value(key{}))
		t.NoError(gctx.Err())
		// and ends with the first error,
		ended := make(chan struct{})
		g.Go(fail(errStop))
		go func() { <-gctx.Done(); close(ended) }()
		t.Equal(errStop, g.Wait())
		<-ended
		t.ErrorIs(gctx.Err(), context.Canceled)
		t.Equal(errStop, context.Cause(gctx))
		// or when Wait returns, if that is first.
		g, gctx = mk.under(ctx)
		g.Go(fine)
		t.NoError(g.Wait())
		t.ErrorIs(gctx.Err(), context.Canceled)
		t.Equal(context.Canceled, context.Cause(gctx))
		// The end of the given context is the derived one's, and no error of the group.
		parent, cancel := context.WithCancelCause(ctx)
		g, gctx = mk.under(parent)
		cancel(errStop)
		<-gctx.Done()
		g.Go(fine)
		t.NoError(g.Wait())
		t.Equal(errStop, context.Cause(gctx))

		// TryGo starts the function only if there is room under the limit, and says whether.
		g = mk.plain()
		g.SetLimit(2)
		hold := func() error { <-gate; return nil }
		t.True(g.TryGo(hold))
		t.True(g.TryGo(hold))
		t.False(g.TryGo(func() error { panic("it was not started") }))
		// The limit stays as it is while anybody is active.
		t.Panics(func() { g.SetLimit(3) })
		close(gate)
		t.NoError(g.Wait())
		t.True(g.TryGo(fine))
		t.NoError(g.Wait())
		g.SetLimit(3)

		// Go waits for room.
		g = mk.plain()
		g.SetLimit(1)
		var active atomic.Int32
		for range 20 {
			g.Go(func() error {
				defer active.Add(-1)
				if active.Add(1) != 1 {
					return errStop
				}
				return nil
			})
		}
		t.NoError(g.Wait())

		// With the limit 0 there is never room,
		g.SetLimit(0)
		t.False(g.TryGo(fine))
		t.NoError(g.Wait())
		// and with a negative one always.
		g.SetLimit(-3)
		for range 10 {
			t.True(g.TryGo(fine))
		}
		t.NoError(g.Wait())
	}
	t.Run("errgroup", func(t *testing.T) {
		body(assert.New(t), context.Background(), maker{
			plain: func() native { return new(errgroup.Group) },
			under: func(ctx context.Context) (native, context.Context) { return errgroup.WithContext(ctx) },
		})
	})
	// Functions that hold their thread need workers of their own, and one for the task that uses the group.
	for _, workers := range []int{3, 4, 8} {
		s, err := scheduler.New(scheduler.WithWorkers(workers))
		if !assert.NoError(t, err) {
			return
		}
		mk := func(on task.Starter, ctx context.Context) maker {
			return maker{
				plain: func() native { return asNative{task.NewGroup(on), ctx} },
				under: func(under context.Context) (native, context.Context) {
					g, gctx := task.NewGroupContext(under, on)
					return asNative{g, ctx}, gctx
				},
			}
		}
		t.Run(fmt.Sprintf("goroutine/workers=%d", workers), func(t *testing.T) {
			body(assert.New(t), context.Background(), mk(s, context.Background()))
		})
		t.Run(fmt.Sprintf("task/workers=%d", workers), func(t *testing.T) {
			assert.NoError(t, s.Go(func(c *task.Ctx) { body(assert.New(t), c, mk(c, c)) }).Wait())
		})
		assert.NoError(t, s.Close())
	}
}
