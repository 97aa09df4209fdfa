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

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// The statements of errgroup's documentation, one by one.
func TestGroup(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		on := starter(s, ctx)
		cases := []struct {
			name string
			test func(t *assert.Assertions)
		}{
			{"Wait of an empty group returns nil", func(t *assert.Assertions) {
				t.NoError(task.NewGroup(on).WaitContext(ctx))
				g, gctx := task.NewGroupContext(ctx, on)
				t.NoError(g.WaitContext(ctx))
				t.ErrorIs(gctx.Err(), context.Canceled)
			}},
			{"Wait waits for all", func(t *assert.Assertions) {
				g := task.NewGroup(on)
				var n atomic.Int32
				for range 100 {
					t.NoError(g.GoContext(ctx, func(c *task.Ctx) error { c.Yield(); n.Add(1); return nil }))
				}
				t.NoError(g.WaitContext(ctx))
				t.EqualValues(100, n.Load())
				t.NoError(g.WaitContext(ctx), "again")
			}},
			{"Wait returns the first error, and without a context nobody is cancelled", func(t *assert.Assertions) {
				g := task.NewGroup(on)
				g.SetLimit(1) // so that members run one after the other
				t.NoError(g.GoContext(ctx, ok))
				t.NoError(g.GoContext(ctx, func(*task.Ctx) error { return errStop }))
				t.NoError(g.GoContext(ctx, func(c *task.Ctx) error { t.NoError(c.Err()); return errors.New("second") }))
				t.Equal(errStop, g.WaitContext(ctx))
			}},
			{"JoinErrors keeps all", func(t *assert.Assertions) {
				g := task.NewGroup(on)
				g.JoinErrors()
				a, b := errors.New("a"), errors.New("b")
				g.GoContext(ctx, func(*task.Ctx) error { return a })
				g.GoContext(ctx, ok)
				g.GoContext(ctx, func(*task.Ctx) error { return b })
				err := g.WaitContext(ctx)
				t.ErrorIs(err, a)
				t.ErrorIs(err, b)
			}},
			{"the first error cancels the context and the members with its cause", func(t *assert.Assertions) {
				g, gctx := task.NewGroupContext(ctx, on)
				var begun task.Completion[int]
				g.GoContext(ctx, func(c *task.Ctx) error {
					begun.Complete(0, nil)
					t.Equal(errStop, untilCancelled(c))
					t.ErrorIs(gctx.Err(), context.Canceled)
					return errors.New("later")
				})
				g.GoContext(ctx, func(c *task.Ctx) error { begun.WaitContext(c); return errStop })
				t.Equal(errStop, g.WaitContext(ctx))
				t.Equal(errStop, context.Cause(gctx))
			}},
			{"functions are called after the context has ended too", func(t *assert.Assertions) {
				g, gctx := task.NewGroupContext(ctx, on)
				g.GoContext(ctx, func(*task.Ctx) error { return errStop })
				for gctx.Err() == nil {
					if c, ok := task.From(ctx); ok {
						c.Yield()
					}
				}
				called := false
				g.GoContext(ctx, func(c *task.Ctx) error { called = true; t.Equal(errStop, context.Cause(c)); return nil })
				t.Equal(errStop, g.WaitContext(ctx))
				t.True(called)
			}},
			{"the context ends when Wait returns", func(t *assert.Assertions) {
				g, gctx := task.NewGroupContext(ctx, on)
				g.GoContext(ctx, ok)
				t.NoError(g.WaitContext(ctx))
				t.Equal(context.Canceled, context.Cause(gctx))
			}},
			{"the end of the parent context cancels members", func(t *assert.Assertions) {
				type key struct{}
				parent, cancel := context.WithCancelCause(context.WithValue(ctx, key{}, 1))
				g, _ := task.NewGroupContext(parent, on)
				var begun task.Completion[int]
				g.GoContext(ctx, func(c *task.Ctx) error {
					t.Equal(1, c.Value(key{}))
					begun.Complete(0, nil)
					return untilCancelled(c)
				})
				begun.WaitContext(ctx)
				cancel(errStop)
				t.Equal(errStop, g.WaitContext(ctx))
			}},
			{"SetLimit bounds the active members", func(t *assert.Assertions) {
				for _, limit := range []int{1, 2, 3} {
					g := task.NewGroup(on)
					g.SetLimit(limit)
					var active, most atomic.Int32
					for range 30 {
						t.NoError(g.GoContext(ctx, func(c *task.Ctx) error {
							n := active.Add(1)
							for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
							}
							c.Yield()
							active.Add(-1)
							return nil
						}))
					}
					t.NoError(g.WaitContext(ctx))
					t.LessOrEqual(int(most.Load()), limit)
				}
			}},
			{"a negative limit is none; limit 0 lets nobody in", func(t *assert.Assertions) {
				g := task.NewGroup(on)
				g.SetLimit(0)
				t.False(g.TryGo(ok))
				short, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(time.Millisecond, func() { cancel(errStop) })
				t.Equal(errStop, g.GoContext(short, ok))
				g.SetLimit(-5)
				t.True(g.TryGo(ok))
				t.NoError(g.WaitContext(ctx))
			}},
			{"TryGo reports whether there was a place", func(t *assert.Assertions) {
				g := task.NewGroup(on)
				g.SetLimit(2)
				var end task.Completion[int]
				wait := func(c *task.Ctx) error { _, err := end.WaitContext(c); return err }
				t.True(g.TryGo(wait))
				t.True(g.TryGo(wait))
				t.False(g.TryGo(wait))
				t.Contains(fmt.Sprint(recovered(func() { g.SetLimit(3) })), "SetLimit")
				t.Contains(fmt.Sprint(recovered(func() { g.JoinErrors() })), "JoinErrors")
				end.Complete(0, nil)
				t.NoError(g.WaitContext(ctx))
				t.True(g.TryGo(ok))
				t.NoError(g.WaitContext(ctx))
			}},
			{"a panic comes up in Wait", func(t *assert.Assertions) {
				g, gctx := task.NewGroupContext(ctx, on)
				g.GoContext(ctx, untilCancelled)
				g.GoContext(ctx, func(c *task.Ctx) error {
					inner := task.NewGroup(c)
					inner.GoContext(c, func(*task.Ctx) error { panic(errStop) })
					return inner.WaitContext(c)
				})
				for range 2 {
					pe, isPanic := recovered(func() { g.WaitContext(ctx) }).(*task.PanicError)
					if t.True(isPanic) {
						t.Equal(errStop, pe.Value)
						t.Contains(string(pe.Stack), "group_test.go")
					}
				}
				t.ErrorIs(context.Cause(gctx), errStop)
			}},
			{"Goexit is an error", func(t *assert.Assertions) {
				g, _ := task.NewGroupContext(ctx, on)
				g.GoContext(ctx, untilCancelled)
				g.GoContext(ctx, func(*task.Ctx) error { runtime.Goexit(); return nil })
				t.Equal(task.ErrGoexit, g.WaitContext(ctx))
			}},
			{"Wait can be given up and called again", func(t *assert.Assertions) {
				g := task.NewGroup(on)
				var end task.Completion[int]
				g.GoContext(ctx, func(c *task.Ctx) error { _, err := end.WaitContext(c); return err })
				short, cancel := context.WithCancelCause(ctx)
				time.AfterFunc(time.Millisecond, func() { cancel(errStop) })
				t.Equal(errStop, g.WaitContext(short))
				t.Equal(errStop, g.GoContext(short, ok))
				end.Complete(0, nil)
				t.NoError(g.WaitContext(ctx))
				t.NoError(g.WaitContext(short), "what is there is returned")
			}},
			{"members can add members, at any limit", func(t *assert.Assertions) {
				for _, limit := range []int{-1, 1, 2, 7} {
					g := task.NewGroup(on)
					g.SetLimit(limit)
					var n atomic.Int32
					var grow func(depth int) func(c *task.Ctx) error
					grow = func(depth int) func(c *task.Ctx) error {
						return func(c *task.Ctx) error {
							n.Add(1)
							if depth == 0 {
								return nil
							}
							return errors.Join(g.GoContext(c, grow(depth-1)), g.GoContext(c, grow(depth-1)))
						}
					}
					t.NoError(g.GoContext(ctx, grow(6)))
					t.NoError(g.WaitContext(ctx))
					t.EqualValues(1<<7-1, n.Load())
				}
			}},
			{"groups can be nested, at any limit", func(t *assert.Assertions) {
				outer, shared := task.NewGroup(on), task.NewGroup(on)
				outer.SetLimit(1)
				shared.SetLimit(1)
				var n atomic.Int32
				for range 5 {
					t.NoError(outer.GoContext(ctx, func(c *task.Ctx) error {
						g, _ := task.NewGroupContext(c, c)
						g.SetLimit(1)
						for range 5 {
							err := g.GoContext(c, func(c *task.Ctx) error {
								n.Add(1)
								return errors.Join(
									outer.GoContext(c, func(*task.Ctx) error { n.Add(1); return nil }),
									shared.GoContext(c, func(c *task.Ctx) error {
										n.Add(1)
										return outer.GoContext(c, ok)
									}))
							})
							if err != nil {
								return err
							}
						}
						return g.WaitContext(c)
					}))
				}
				t.NoError(outer.WaitContext(ctx))
				t.NoError(shared.WaitContext(ctx))
				t.NoError(outer.WaitContext(ctx))
				t.EqualValues(75, n.Load())
			}},
			{"a member cannot wait for its own group", func(t *assert.Assertions) {
				g := task.NewGroup(on)
				g.GoContext(ctx, func(c *task.Ctx) error { return g.WaitContext(c) })
				t.Contains(fmt.Sprint(recovered(func() { g.WaitContext(ctx) })), "wait for itself")
			}},
			{"nor can a function of its Blocking, or one of a call that it has forked", func(t *assert.Assertions) {
				for name, wait := range map[string]func(c *task.Ctx, g *task.Group) error{
					"Blocking": func(c *task.Ctx, g *task.Group) error {
						return c.Blocking(func() { _ = g.Wait() })
					},
					"BlockingOrAbandon": func(c *task.Ctx, g *task.Group) error {
						return c.BlockingOrAbandon(func() { _ = g.Wait() })
					},
					"Blocking in calls": func(c *task.Ctx, g *task.Group) error {
						for range 100 {
							parallel.Do(c, func(c *task.Ctx) { c.Yield() }, func(c *task.Ctx) {
								if err := c.Blocking(func() { _ = g.Wait() }); err != nil {
									panic(err)
								}
							})
						}
						return nil
					},
				} {
					g := task.NewGroup(on)
					g.GoContext(ctx, func(c *task.Ctx) error { return wait(c, g) })
					t.Contains(fmt.Sprint(recovered(func() { g.WaitContext(ctx) })), "wait for itself", name)
					other := task.NewGroup(on) // of which it is no member
					other.Go(ok)
					g = task.NewGroup(on)
					g.GoContext(ctx, func(c *task.Ctx) error { return wait(c, other) })
					t.NoError(g.WaitContext(ctx), name)
				}
			}},
			{"options reach the member", func(t *assert.Assertions) {
				g := task.NewGroup(on)
				g.GoContext(ctx, func(c *task.Ctx) error { t.Equal("m", c.Task().Name()); return nil }, task.Name("m"))
				t.NoError(g.WaitContext(ctx))
			}},
		}
		for _, tc := range cases {
			// Not a subtest, because the body must stay on its task.
			if a := assert.New(t); !a.NotPanics(func() { tc.test(a) }) || t.Failed() {
				t.Errorf("in: %s", tc.name)
				return
			}
		}
	})
}

// A member that never runs fails with the cause, and gives its place back.
func TestGroupSkipped(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		ctx, cancel := context.WithCancelCause(context.Background())
		g := task.NewGroup(foreign{s, ctx})
		g.SetLimit(1)
		require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error { return nil }))
		require.NoError(t, g.WaitContext(context.Background()))
		var n atomic.Int32
		require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error {
			for range 3 {
				if err := g.GoContext(c, func(c *task.Ctx) error { n.Add(1); return nil }, task.Name("inner")); err != nil {
					return err
				}
			}
			return nil
		}))
		require.NoError(t, g.WaitContext(context.Background()))
		require.EqualValues(t, 3, n.Load())
		cancel(errStop)
		never := func(*task.Ctx) error { panic("it runs") }
		for range 3 {
			require.NoError(t, g.GoContext(context.Background(), never))
		}
		require.Equal(t, errStop, g.WaitContext(context.Background()))
		f := task.Submit(foreign{s, ctx}, func(*task.Ctx) (int, error) { panic("it runs") })
		_, err := f.WaitContext(context.Background())
		require.Equal(t, errStop, err)
	})
}

func TestGroupClose(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		g := task.NewGroup(s)
		g.SetLimit(s.Workers())
		var hold sync.WaitGroup
		hold.Add(1)
		for range s.Workers() {
			require.NoError(t, g.GoContext(context.Background(), func(*task.Ctx) error { hold.Wait(); return nil }))
		}
		free := task.NewGroup(s)
		for range 10 {
			require.NoError(t, free.GoContext(context.Background(), untilCancelled))
		}
		var more sync.WaitGroup
		more.Go(func() { assert.NoError(t, g.GoContext(context.Background(), untilCancelled)) })
		closed := make(chan struct{})
		go func() { s.Close(); close(closed) }()
		hold.Done()
		more.Wait()
		assert.ErrorIs(t, g.WaitContext(context.Background()), task.ErrClosed)
		assert.ErrorIs(t, free.WaitContext(context.Background()), task.ErrClosed)
		<-closed
		require.NoError(t, g.GoContext(context.Background(), ok))
		require.ErrorIs(t, g.WaitContext(context.Background()), task.ErrClosed)
		require.False(t, g.TryGo(ok))
	})
}

// Members and callers are cancelled at any point. No place is lost, and none is given twice.
func TestGroupCancelStress(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		rounds := 100
		if testing.Short() {
			rounds = 20
		}
		for i := range rounds {
			limit := 1 + i%3
			g := task.NewGroup(s)
			g.SetLimit(limit)
			var ts []task.Task
			for j := range 8 {
				x := s.Go(func(c *task.Ctx) {
					for range 5 {
						g.GoContext(c, func(m *task.Ctx) error {
							if j%2 == 0 {
								inner := task.NewGroup(m)
								inner.SetLimit(1)
								inner.GoContext(m, ok)
								inner.GoContext(m, func(c *task.Ctx) error { return g.GoContext(c, ok) })
								return inner.WaitContext(m)
							}
							m.Cancel()
							g.GoContext(m, ok)
							return nil
						})
					}
				})
				ts = append(ts, x)
			}
			for j, x := range ts {
				if j%3 == 0 {
					x.Cancel()
				}
			}
			for _, x := range ts {
				x.Wait()
			}
			g.WaitContext(context.Background())
			var end task.Completion[int]
			for range limit {
				require.True(t, g.TryGo(func(c *task.Ctx) error { _, err := end.WaitContext(c); return err }))
			}
			require.False(t, g.TryGo(ok))
			end.Complete(0, nil)
			g.WaitContext(context.Background())
		}
	})
}

// The end of a group's context cancels each member with the group's cause, however many there are:
// a member that fails ends it, or the program does. Some members end by themselves meanwhile.
func TestGroupCancelsMany(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		const n = 300 // several batches
		for _, fails := range []bool{false, true} {
			ctx, cancel := context.WithCancelCause(context.Background())
			g, _ := task.NewGroupContext(ctx, s)
			var begun, cancelled atomic.Int32
			members := make([]task.Task, n)
			for i := range n {
				g.Go(func(c *task.Ctx) error {
					members[i] = c.Task()
					begun.Add(1)
					for c.Park() == nil {
						if i%10 == 0 { // woken
							return nil
						}
					}
					if c.Cause() == errStop {
						cancelled.Add(1)
					}
					return c.Cause()
				})
			}
			testkit.Until(t, "all have begun", func() bool { return begun.Load() == n })
			if fails {
				g.Go(func(*task.Ctx) error { return errStop })
			} else {
				cancel(errStop)
			}
			require.NoError(t, s.Go(func(c *task.Ctx) {
				for i := 0; i < n; i += 10 {
					c.Ready(members[i])
				}
			}).Wait())
			require.Equal(t, errStop, g.Wait())
			require.GreaterOrEqual(t, cancelled.Load(), int32(n-n/10))
			cancel(nil)
		}
	})
}

// Members that share their extension fail at the same time, in each way. (The race detector finds a
// write to what they share.)
func TestMembersFailTogether(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		for i := range 200 {
			g, _ := task.NewGroupContext(context.Background(), s)
			for range 4 {
				g.Go(func(c *task.Ctx) error {
					switch i % 4 {
					case 0:
						panic(errStop)
					case 1:
						runtime.Goexit()
					case 2:
						c.Cancel()
					}
					c.Yield()
					return errStop
				})
			}
			func() {
				defer func() { assert.Equal(t, i%4 == 0, recover() != nil) }()
				assert.Error(t, g.Wait())
			}()
		}
	})
}

// A cancelled task waits for its members under context.WithoutCancel.
func TestGroupWaitWithoutCancel(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		g := task.NewGroup(s)
		var release task.Completion[int]
		ended := false
		var first, second error
		x := s.Go(func(c *task.Ctx) {
			assert.NoError(t, g.GoContext(c, func(c *task.Ctx) error {
				_, err := release.WaitContext(c)
				ended = true
				return err
			}))
			c.Cancel()
			first = g.WaitContext(c)
			assert.False(t, ended)
			release.Complete(0, nil)
			second = g.WaitContext(context.WithoutCancel(c))
			assert.True(t, ended)
		})
		require.ErrorIs(t, x.Wait(), context.Canceled)
		require.ErrorIs(t, first, context.Canceled)
		require.NoError(t, second)
	})
}

func TestGroupMisuse(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		ctx := context.Background()
		var nothing context.Context
		for want, f := range map[string]func(){
			"nil Starter":  func() { task.NewGroup(nil) },
			"nil context":  func() { task.NewGroupContext(nothing, s) },
			"Go with a":    func() { task.NewGroup(s).GoContext(ctx, nil) },
			"TryGo with a": func() { task.NewGroup(s).TryGo(nil) },
			"Submit with":  func() { task.Submit[int](s, nil) },
			"zero Group":   func() { new(task.Group).GoContext(ctx, ok) },
			"NewGroup or":  func() { new(task.Group).TryGo(ok) },
		} {
			require.Contains(t, fmt.Sprint(recovered(f)), want)
		}
	})
}

func ExampleGroup() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	g := task.NewGroup(s)
	g.SetLimit(2)
	var squares [4]int
	for i := range squares {
		g.Go(func(c *task.Ctx) error {
			squares[i] = i * i
			return nil
		})
	}
	fmt.Println(g.Wait(), squares)
	// Output: <nil> [0 1 4 9]
}

// A call that a member has forked and another worker has stolen lends the member's place, as the
// member itself does.
func TestGroupInAStolenCall(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		for range 20 {
			g := task.NewGroup(s)
			g.SetLimit(1)
			var begun, inner atomic.Int32
			many := s.Workers() > 1
			require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error {
				parallel.Do(c, func(c *task.Ctx) {
					for many && begun.Load() == 0 { // until the other call has been stolen
						c.Checkpoint()
					}
				}, func(c *task.Ctx) {
					begun.Add(1)
					for range 3 {
						_ = g.GoContext(c, func(c *task.Ctx) error { inner.Add(1); c.Yield(); return nil })
					}
				})
				return nil
			}))
			require.NoError(t, g.WaitContext(context.Background()))
			require.EqualValues(t, 3, inner.Load())
		}
	})
}
