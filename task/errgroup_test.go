package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"golang.org/x/sync/errgroup"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A native is the interface of errgroup.Group.
type native interface {
	Go(f func() error)
	TryGo(f func() error) bool
	SetLimit(n int)
	Wait() error
}

// asNative is a task.Group for functions without a Ctx.
type asNative struct{ *task.Group }

func (g asNative) Go(f func() error) { g.Group.Go(func(*task.Ctx) error { return f() }) }

func (g asNative) TryGo(f func() error) bool {
	return g.Group.TryGo(func(*task.Ctx) error { return f() })
}

// A grouping makes groups: a plain one, like errgroup's zero value, and one under a context.
type grouping struct {
	plain func() native
	under func(ctx context.Context) (native, context.Context)
}

// withErrgroup runs body on errgroup itself, which checks the test, and on task.Group, used by
// goroutines and by tasks.
func withErrgroup(t *testing.T, body func(t *assert.Assertions, ctx context.Context, mk grouping)) {
	t.Run("errgroup", func(t *testing.T) {
		body(assert.New(t), context.Background(), grouping{
			plain: func() native { return new(errgroup.Group) },
			under: func(ctx context.Context) (native, context.Context) { return errgroup.WithContext(ctx) },
		})
	})
	// Functions that hold their thread need a worker each, and so does the task that uses the
	// group.
	for _, workers := range []int{3, 4, 8} {
		s, err := scheduler.New(scheduler.WithWorkers(workers))
		if !assert.NoError(t, err) {
			return
		}
		under := func(on task.Starter) func(context.Context) (native, context.Context) {
			return func(under context.Context) (native, context.Context) {
				g, gctx := task.NewGroupContext(under, on)
				return asNative{g}, gctx
			}
		}
		t.Run(fmt.Sprintf("goroutine/workers=%d", workers), func(t *testing.T) {
			plain := func() native { return asNative{task.NewGroup(s)} }
			body(assert.New(t), context.Background(), grouping{plain, under(s)})
		})
		for name, plain := range map[string]func(c *task.Ctx) *task.Group{
			"task": func(c *task.Ctx) *task.Group { return task.NewGroup(c) },
			"zero": func(*task.Ctx) *task.Group { return new(task.Group) },
		} {
			t.Run(fmt.Sprintf("%s/workers=%d", name, workers), func(t *testing.T) {
				assert.NoError(t, s.Go(func(c *task.Ctx) {
					body(assert.New(t), c, grouping{func() native { return asNative{plain(c)} }, under(c)})
				}).Wait())
			})
		}
		assert.NoError(t, s.Close())
	}
}

// Each statement of errgroup's documentation holds for errgroup itself, which checks the test, and
// for task.Group.
func TestErrgroup(t *testing.T) {
	withErrgroup(t, func(t *assert.Assertions, ctx context.Context, mk grouping) {
		fail := func(err error) func() error { return func() error { return err } }
		fine := fail(nil)

		// A plain group, like errgroup's zero value, has no limit and cancels no member.
		g := mk.plain()
		t.NoError(g.Wait())
		var n atomic.Int32
		gate := make(chan struct{})
		for range 3 {
			// Go does not wait for the functions. Without a limit, TryGo always adds a member.
			g.Go(func() error { n.Add(1); return nil })
			t.True(g.TryGo(func() error { n.Add(1); return errStop }))
		}
		// Wait waits for all functions, including those of TryGo, and returns an error if there was
		// one.
		t.Equal(errStop, g.Wait())
		t.EqualValues(6, n.Load())
		t.Equal(errStop, g.Wait(), "and again")

		// If there were several errors, Wait returns the first in time.
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
		// The end of the given context ends the derived one, and is no error of the group.
		parent, cancel := context.WithCancelCause(ctx)
		g, gctx = mk.under(parent)
		cancel(errStop)
		<-gctx.Done()
		g.Go(fine)
		t.NoError(g.Wait())
		t.Equal(errStop, context.Cause(gctx))

		// TryGo starts the function only if there is room under the limit, and returns whether it
		// did.
		g = mk.plain()
		g.SetLimit(2)
		hold := func() error { <-gate; return nil }
		t.True(g.TryGo(hold))
		t.True(g.TryGo(hold))
		t.False(g.TryGo(func() error { panic("it was not started") }))
		// The limit cannot be changed while any function is active.
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
	})
}

// TestErrgroupTables: for several sequences of results, the test checks what Wait returns after
// each Go, and what the contexts report.
func TestErrgroupTables(t *testing.T) {
	errOther := errors.New("other")
	withErrgroup(t, func(t *assert.Assertions, ctx context.Context, mk grouping) {
		for _, results := range [][]error{nil, {nil}, {errStop}, {errStop, nil}, {nil, errStop}, {errStop, nil, errOther}} {
			// A Wait between two calls of Go sees the first error so far.
			var first error
			g := mk.plain()
			for _, err := range results {
				g.Go(func() error { return err })
				if first == nil {
					first = err
				}
				t.Equal(first, g.Wait(), "%v", results)
			}
			// After Wait the context has ended, with the first error or with none.
			for _, try := range []bool{false, true} {
				g, gctx := mk.under(ctx)
				g.SetLimit(1) // so that the errors come in order
				for _, err := range results {
					f := func() error { return err }
					if !try {
						g.Go(f)
						continue
					}
					for !g.TryGo(f) {
						runtime.Gosched() // the place is free once the previous function has ended
					}
				}
				t.Equal(first, g.Wait(), "%v", results)
				t.Error(gctx.Err())
				cause := first
				if cause == nil {
					cause = context.Canceled
				}
				t.Equal(cause, context.Cause(gctx), "%v", results)
			}
		}
	})
}

// TestErrgroupTryGo: a limit lets in exactly as many functions as it says. That holds again after
// Wait, and the limit can be changed then.
func TestErrgroupTryGo(t *testing.T) {
	withErrgroup(t, func(t *assert.Assertions, _ context.Context, mk grouping) {
		g := mk.plain()
		gate := make(chan struct{})
		hold := func() error {
			gate <- struct{}{}
			return nil
		}
		for _, limit := range []int{30, 1, 0, 2} {
			g.SetLimit(limit)
			for range 2 {
				for range limit {
					t.True(g.TryGo(hold))
				}
				for range 100 {
					t.False(g.TryGo(hold))
				}
				go func() {
					for range limit {
						<-gate
					}
				}()
				t.NoError(g.Wait())
			}
		}
	})
}

// TestErrgroupGoLimit: no more functions run at once than the limit says, however they give way.
func TestErrgroupGoLimit(t *testing.T) {
	withErrgroup(t, func(t *assert.Assertions, _ context.Context, mk grouping) {
		const limit = 5
		g := mk.plain()
		g.SetLimit(limit)
		var active atomic.Int32
		for range 500 {
			g.Go(func() error {
				defer active.Add(-1)
				n := active.Add(1)
				if c, ok := task.Current(); ok {
					c.Yield()
				} else {
					runtime.Gosched()
				}
				if n > limit {
					return fmt.Errorf("%d at once", n)
				}
				return nil
			})
		}
		t.NoError(g.Wait())
	})
}

// TestErrgroupPipeline: functions that wait for native channels, under the group's context, end
// with the first error.
func TestErrgroupPipeline(t *testing.T) {
	withErrgroup(t, func(t *assert.Assertions, ctx context.Context, mk grouping) {
		for _, fails := range []bool{false, true} {
			g, gctx := mk.under(ctx)
			numbers := make(chan int)
			sum := make(chan int, 1)
			g.Go(func() error {
				defer close(numbers)
				for i := range 100 {
					if i == 50 && fails {
						return errStop
					}
					select {
					case numbers <- i:
					case <-gctx.Done():
						return gctx.Err()
					}
				}
				return nil
			})
			g.Go(func() error {
				n := 0
				for i := range numbers {
					n += i
				}
				sum <- n
				return gctx.Err()
			})
			if err := g.Wait(); fails {
				t.Equal(errStop, err)
			} else {
				t.NoError(err)
				t.Equal(4950, <-sum)
			}
		}
	})
}
