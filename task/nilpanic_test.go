package task_test

import (
	"context"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// panic(nil) is distinguished from a Goexit even where recover returns nil for both.
func TestPanicNilIsNoGoexit(t *testing.T) {
	t.Setenv("GODEBUG", "panicnil=1")
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	ctx := context.Background()
	for name, run := range map[string]func(f func()) error{
		"Group": func(f func()) (err error) {
			defer func() {
				if pe, ok := recover().(*task.PanicError); ok {
					err = pe
				}
			}()
			g := task.NewGroup(s)
			require.NoError(t, g.GoContext(ctx, func(*task.Ctx) error { f(); return nil }))
			return g.WaitContext(ctx)
		},
		"Submit": func(f func()) error {
			_, err := task.Submit(s, func(*task.Ctx) (int, error) { f(); return 0, nil }).WaitContext(ctx)
			return err
		},
		"Blocking": func(f func()) (err error) {
			x := s.Go(func(c *task.Ctx) {
				defer func() {
					if pe, ok := recover().(*task.PanicError); ok {
						err = pe
					}
				}()
				err = c.Blocking(f)
			})
			if failure := x.Wait(); err == nil {
				err = failure
			}
			return err
		},
		"OnceValue": func(f func()) (err error) {
			get := tsync.OnceValue(func() int { f(); return 0 })
			done := make(chan struct{})
			go func() {
				defer close(done)
				defer func() {
					if recover() == nil { // a Goexit
						err = task.ErrGoexit
					}
				}()
				_ = get()
			}()
			<-done
			if err == nil { // later calls get the panic
				func() {
					defer func() { err = &task.PanicError{Value: recover()} }()
					_ = get()
				}()
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			var pe *task.PanicError
			require.ErrorAs(t, run(func() { panic(nil) }), &pe)
			var null *runtime.PanicNilError
			cause, _ := pe.Value.(error)
			require.True(t, errors.As(cause, &null), "%v", pe.Value)
			require.ErrorIs(t, run(runtime.Goexit), task.ErrGoexit)
		})
	}
}

// brokenAt is a context whose Done panics once broken is set.
type brokenAt struct {
	context.Context
	broken bool
}

func (x *brokenAt) Done() <-chan struct{} {
	if x.broken {
		panic("Done")
	}
	return x.Context.Done()
}

// A member that waits for a place in another group has lent its own place. It has the place again
// when the wait ends by a panic of the context: with a limit of 1, two members never run at once.
func TestPlaceIsTakenBackAfterAPanic(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	outer, inner := task.NewGroup(s), task.NewGroup(s)
	outer.SetLimit(1)
	inner.SetLimit(1)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		hold := tsync.NewChan[int](0)
		_ = inner.GoContext(c, func(c *task.Ctx) error { _, _, err := hold.Recv(c); return err })
		running := 0
		member := func(c *task.Ctx) error {
			for _, wait := range []func(ctx context.Context) error{
				func(ctx context.Context) error { return inner.GoContext(ctx, func(*task.Ctx) error { return nil }) },
				inner.WaitContext,
			} {
				func() {
					defer func() { require.NotNil(t, recover()) }()
					_ = wait(&brokenAt{c, true})
				}()
				running++
				if running != 1 {
					return errors.New("two members of a group with the limit 1 run at once")
				}
				c.Yield()
				running--
			}
			return nil
		}
		for range 3 {
			_ = outer.GoContext(c, member)
		}
		err = outer.WaitContext(c)
		_ = hold.Send(c, 1)
		_ = inner.WaitContext(c)
	}).Wait())
	require.NoError(t, err)
}
