package task_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// crossed runs f with 1, 2, 4 and 8 workers and limits from 1 to 4. A hang ends the process and
// prints the state of all tasks and goroutines.
func crossed(t *testing.T, f func(t *testing.T, s *scheduler.Scheduler, limit int)) {
	for _, workers := range []int{1, 2, 4, 8} {
		for limit := 1; limit <= 4; limit++ {
			t.Run(fmt.Sprintf("workers=%d/limit=%d", workers, limit), func(t *testing.T) {
				s, err := scheduler.New(scheduler.WithWorkers(workers))
				require.NoError(t, err)
				hung := time.AfterFunc(testkit.Patience, func() {
					var dump dumped
					s.Dump(&dump)
					buf := make([]byte, 1<<20)
					panic(fmt.Sprintf("%s hangs\n%s\n%s", t.Name(), dump, buf[:runtime.Stack(buf, true)]))
				})
				defer hung.Stop()
				f(t, s, limit)
				require.NoError(t, s.Close())
				st := s.Stats()
				require.Equal(t, st.Spawned, st.Finished)
				require.Zero(t, st.Stranded)
			})
		}
	}
}

// dumped is an io.Writer that keeps everything written to it.
type dumped []byte

func (d *dumped) Write(p []byte) (int, error) {
	*d = append(*d, p...)
	return len(p), nil
}

// rounds returns how often the stress tests of places go through their shapes. To run a test for
// minutes, repeat it with -count.
func rounds() int {
	if testing.Short() {
		return 3
	}
	return 10
}

// Each member runs a parallel loop, and each iteration waits for a group of its own. So several
// parts of one member want its place back at the same time.
func TestForksOfMembersWaitInGroups(t *testing.T) {
	crossed(t, func(t *testing.T, s *scheduler.Scheduler, limit int) {
		for range rounds() {
			var n atomic.Int64
			g := task.NewGroup(s)
			g.SetLimit(limit)
			for range 4 * limit {
				require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error {
					return parallel.For(c, 16, func(c *task.Ctx, i int) {
						inner := task.NewGroup(c)
						for range 2 {
							_ = inner.GoContext(c, func(c *task.Ctx) error { c.Yield(); n.Add(1); return nil })
						}
						_ = inner.WaitContext(c)
					}, parallel.WithGrain(1))
				}))
			}
			require.NoError(t, g.WaitContext(context.Background()))
			require.EqualValues(t, 4*limit*16*2, n.Load())
		}
	})
}

// Groups with a limit are nested five deep, and beside each of them a forked call goes equally
// deep.
func TestNestedGroupsBesideForks(t *testing.T) {
	crossed(t, func(t *testing.T, s *scheduler.Scheduler, limit int) {
		for range rounds() {
			var n atomic.Int64
			var rec func(c *task.Ctx, depth int)
			rec = func(c *task.Ctx, depth int) {
				if depth == 0 {
					n.Add(1)
					return
				}
				parallel.Do(c, func(c *task.Ctx) {
					g := task.NewGroup(c)
					g.SetLimit(limit)
					for range 2 {
						_ = g.GoContext(c, func(c *task.Ctx) error { rec(c, depth-1); return nil })
					}
					_ = g.WaitContext(c)
				}, func(c *task.Ctx) { rec(c, depth-1) })
			}
			require.NoError(t, s.Go(func(c *task.Ctx) { rec(c, 5) }).Wait())
			require.EqualValues(t, 3*3*3*3*3, n.Load())
		}
	})
}

// Forked calls add members to the groups of all levels above them, and wait for the groups of their
// own.
func TestForksOfMembersAddToGroupsAbove(t *testing.T) {
	crossed(t, func(t *testing.T, s *scheduler.Scheduler, limit int) {
		for range rounds() {
			var n atomic.Int64
			var rec func(c *task.Ctx, above []*task.Group, depth int)
			rec = func(c *task.Ctx, above []*task.Group, depth int) {
				n.Add(1)
				if depth == 0 {
					return
				}
				parallel.For(c, 2, func(c *task.Ctx, i int) {
					for _, g := range above {
						_ = g.GoContext(c, func(c *task.Ctx) error {
							n.Add(1)
							return parallel.For(c, 2, func(c *task.Ctx, _ int) { c.Yield() }, parallel.WithGrain(1))
						})
					}
					g := task.NewGroup(c)
					g.SetLimit(limit)
					groups := append(above[:len(above):len(above)], g)
					_ = g.GoContext(c, func(c *task.Ctx) error { rec(c, groups, depth-1); return nil })
					_ = g.WaitContext(c)
				}, parallel.WithGrain(1))
			}
			g := task.NewGroup(s)
			g.SetLimit(limit)
			require.NoError(t, g.GoContext(context.Background(), func(c *task.Ctx) error {
				rec(c, []*task.Group{g}, 5)
				return nil
			}))
			require.NoError(t, g.WaitContext(context.Background()))
			// There are 2^k calls of rec at level k, for k from 0 to 5. Each call of the first five
			// levels has two iterations, which add 1 to 5 members.
			want := 0
			for k := range 6 {
				want += 1 << k
				if k < 5 {
					want += 1 << k * 2 * (k + 1)
				}
			}
			require.EqualValues(t, want, n.Load())
		}
	})
}

// If a member, or the task of a future, returns without having joined a forked call, it ends only
// after the call has ended, and it fails.
func TestUnjoinedForksOutlastNoMember(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		if s.Workers() == 1 {
			return // no other worker starts the call
		}
		var ended atomic.Bool
		var started *task.Completion[int]
		slow := parallel.Define(func(c *task.Ctx, _ int) int {
			started.Complete(0, nil)
			for range 200 {
				c.Yield()
			}
			ended.Store(true)
			return 0
		})
		body := func(c *task.Ctx) error {
			ended.Store(false)
			started = new(task.Completion[int])
			slow.Fork(c, 1)
			_, err := started.WaitContext(c)
			return err
		}
		for _, limit := range []int{-1, 1} {
			g := task.NewGroup(s)
			g.SetLimit(limit)
			require.NoError(t, g.GoContext(context.Background(), body))
			pe, failed := recovered(func() { _ = g.WaitContext(context.Background()) }).(*task.PanicError)
			require.True(t, ended.Load(), "the call runs while the group is empty")
			require.True(t, failed)
			require.Contains(t, pe.Value, "1 forked calls not joined")
		}
		_, err := task.Submit(s, func(c *task.Ctx) (int, error) { return 0, body(c) }).WaitContext(context.Background())
		require.True(t, ended.Load(), "the call runs while the result is there")
		require.ErrorContains(t, err, "1 forked calls not joined")
	})
}

// Members on two schedulers are cancelled at any time, call Goexit, and panic in forked calls that
// wait in groups. Goroutines and members add members, also with TryGo. Everything ends, and no
// place is lost.
func TestPlacesOfMembersThatFail(t *testing.T) {
	crossed(t, func(t *testing.T, s *scheduler.Scheduler, limit int) {
		other, err := scheduler.New(scheduler.WithWorkers(2))
		require.NoError(t, err)
		defer other.Close()
		for round := range 3 * rounds() {
			on := []*scheduler.Scheduler{s, other}
			outer, inner := task.NewGroup(s), task.NewGroup(other)
			outer.SetLimit(limit)
			inner.SetLimit(limit)
			member := func(i int) func(c *task.Ctx) error {
				return func(c *task.Ctx) error {
					return parallel.For(c, 4, func(c *task.Ctx, k int) {
						g, _ := task.NewGroupContext(c, on[(i+k)%2])
						g.SetLimit(limit)
						for range 2 {
							_ = g.GoContext(c, func(c *task.Ctx) error {
								c.Yield()
								_ = inner.GoContext(c, func(c *task.Ctx) error { c.Yield(); return nil })
								return nil
							})
						}
						g.TryGo(ok)
						switch (i + k + round) % 9 {
						case 0:
							c.Task().Cancel()
						case 1:
							_ = g.WaitContext(c)
							panic(errStop)
						case 2:
							_ = g.GoContext(c, func(*task.Ctx) error { runtime.Goexit(); return nil })
						}
						_ = g.WaitContext(c)
					}, parallel.WithGrain(1))
				}
			}
			added := make(chan struct{})
			for j := range 2 {
				go func() {
					defer func() { added <- struct{}{} }()
					for i := range 6 {
						_ = outer.GoContext(context.Background(), member(6*j+i))
					}
				}()
			}
			<-added
			<-added
			recovered(func() { _ = outer.WaitContext(context.Background()) })
			recovered(func() { _ = inner.WaitContext(context.Background()) })
			var gate task.Completion[int]
			for range limit {
				require.True(t, outer.TryGo(func(c *task.Ctx) error { _, err := gate.WaitContext(c); return err }), "a place is lost")
			}
			require.False(t, outer.TryGo(ok), "there is a place too many")
			gate.Complete(0, nil)
			recovered(func() { _ = outer.WaitContext(context.Background()) })
		}
	})
}

// A member of a group with a limit waits for a group without one, whose member needs the place that
// the first member has to lend.
func TestMemberOfALimitedGroupMakesAnother(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		s, err := scheduler.New(scheduler.WithWorkers(n))
		require.NoError(t, err)
		var failure error
		x := s.Go(func(c *task.Ctx) {
			outer := task.NewGroup(c)
			outer.SetLimit(1)
			_ = outer.GoContext(c, func(c *task.Ctx) error {
				inner := task.NewGroup(c)
				_ = inner.GoContext(c, func(c *task.Ctx) error { return outer.GoContext(c, func(*task.Ctx) error { return nil }) })
				return inner.WaitContext(c)
			})
			failure = outer.WaitContext(c)
		})
		require.NoError(t, x.Wait())
		require.NoError(t, failure)
		require.NoError(t, s.Close())
	}
}

// TestPlacesUnderWaitsThatNothingEnds: members of nested groups wait in Go and Wait, which their
// cancellation does not end, while the tree is cancelled from outside or by a failure inside. Wait
// sees every member's end, each accepted function is called or skipped with a cause, and members
// that are not cancelled keep to the limit.
func TestPlacesUnderWaitsThatNothingEnds(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		for round := range 40 {
			limit := 1 + round%3
			var under, over atomic.Int64
			var node func(c *task.Ctx, depth int) error
			node = func(c *task.Ctx, depth int) error {
				under.Add(1)
				defer under.Add(-1)
				if depth == 0 {
					c.Yield()
					if round%4 == 1 && under.Load() > 3 {
						return errStop
					}
					return nil
				}
				g, gctx := task.NewGroupContext(c, c)
				g.SetLimit(limit)
				var inside, active atomic.Int64
				for range 4 {
					g.Go(func(c *task.Ctx) error {
						inside.Add(1)
						defer inside.Add(-1)
						if n := active.Add(1); n > int64(limit) && gctx.Err() == nil {
							over.Add(1)
						}
						c.Yield()
						active.Add(-1)
						return node(c, depth-1)
					})
				}
				err := g.Wait()
				if n := inside.Load(); n != 0 {
					panic(fmt.Sprintf("Wait has returned, and %d members run", n))
				}
				return err
			}
			root := s.Go(func(c *task.Ctx) {
				if err := node(c, 3); err != nil && !errors.Is(err, errStop) && !errors.Is(err, context.Canceled) {
					panic(err)
				}
			})
			if round%4 == 2 {
				for under.Load() < 5 && root.State() != task.Done {
					runtime.Gosched()
				}
				root.Cancel()
			}
			if err := root.Wait(); err != nil {
				require.Equal(t, context.Canceled, err)
				require.Equal(t, 2, round%4)
			}
			require.Zero(t, under.Load())
			require.Zero(t, over.Load())
		}
	})
}

// TestPlaceIsWaitedForByACancelledTask: in a cancelled task, Go without a context keeps waiting,
// and GoContext does not.
func TestPlaceIsWaitedForByACancelledTask(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		var gate task.Completion[int]
		ran := 0
		x := s.Go(func(c *task.Ctx) {
			g := task.NewGroup(c)
			g.SetLimit(1)
			g.Go(func(*task.Ctx) error { _, _ = gate.Wait(); ran++; return nil })
			c.Task().CancelCause(errStop)
			if err := g.GoContext(c, func(*task.Ctx) error { panic("called") }); err != errStop {
				panic(fmt.Sprint("GoContext returned ", err))
			}
			if err := g.WaitContext(c); err != errStop {
				panic(fmt.Sprint("WaitContext returned ", err))
			}
			s.Go(func(*task.Ctx) { gate.Complete(0, nil) })
			g.Go(func(*task.Ctx) error { ran++; return nil })
			if err := g.Wait(); err != nil || ran != 2 {
				panic(fmt.Sprint(err, ran))
			}
		})
		require.Equal(t, errStop, x.Wait())
	})
}
