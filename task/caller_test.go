package task_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// An operation that waits parks the calling task, whatever context it is given. The tests in this
// file make the mistakes that programs make with contexts. Each program must end with the right
// result.

// outerUses are the uses that a function may make of the c of an enclosing function. If the task of
// c has ended, they may return context.Canceled. Otherwise they return nil.
var outerUses = map[string]func(c *task.Ctx, u *outerUse) error{
	"lock": func(c *task.Ctx, u *outerUse) error {
		if err := u.lock(c); err != nil {
			return err
		}
		u.inside++
		u.most = max(u.most, u.inside)
		c.Yield()
		u.inside--
		u.mu.Unlock()
		return nil
	},
	"sleep":   func(c *task.Ctx, _ *outerUse) error { return c.Sleep(10 * time.Microsecond) },
	"yield":   func(c *task.Ctx, _ *outerUse) error { c.Yield(); return nil },
	"send":    func(c *task.Ctx, u *outerUse) error { return u.ch.Send(c, 1) },
	"receive": func(c *task.Ctx, u *outerUse) error { u.tokens.TrySend(1); _, _, err := u.tokens.Recv(c); return err },
	"native": func(c *task.Ctx, _ *outerUse) error {
		ch := make(chan int, 1)
		go func() { ch <- 1 }()
		v, ok, err := task.Receive(c, ch)
		if err == nil && (v != 1 || !ok) {
			return fmt.Errorf("received %d, %t", v, ok)
		}
		return err
	},
	"for": func(c *task.Ctx, _ *outerUse) error {
		var n atomic.Int64
		err := parallel.For(c, 10, func(*task.Ctx, int) { n.Add(1) })
		if err == nil && n.Load() != 10 {
			return fmt.Errorf("%d calls", n.Load())
		}
		return err
	},
	"checkpoint": func(c *task.Ctx, _ *outerUse) error {
		for range 100 {
			c.Checkpoint()
		}
		return nil
	},
	"go and wait": func(c *task.Ctx, _ *outerUse) error { return c.Go(func(*task.Ctx) {}).WaitContext(c) },
	"submit": func(c *task.Ctx, _ *outerUse) error {
		f := task.Submit(c, func(*task.Ctx) (int, error) { return 7, nil })
		v, err := f.WaitContext(c)
		if err == nil && v != 7 {
			return fmt.Errorf("got %d", v)
		}
		return err
	},
	"group": func(c *task.Ctx, _ *outerUse) error {
		n := 0
		g := task.NewGroup(c)
		g.SetLimit(1)
		for range 3 {
			g.Go(func(*task.Ctx) error { n++; c.Yield(); return nil })
		}
		if err := g.Wait(); err != nil {
			return err
		}
		if n != 3 {
			return fmt.Errorf("%d members ran", n)
		}
		return nil
	},
	"blocking": func(c *task.Ctx, _ *outerUse) error {
		n := 0
		err := c.Blocking(func() { n++ })
		if err == nil && n != 1 {
			return fmt.Errorf("%d calls", n)
		}
		return err
	},
}

// An outerUse is the state that the users of one c share.
type outerUse struct {
	mu           tsync.Mutex
	inside, most int // under mu
	ch, tokens   *tsync.Chan[int]
	received     int
}

func newOuterUse() *outerUse {
	return &outerUse{ch: tsync.NewChan[int](4), tokens: tsync.NewChan[int](1 << 10)}
}

func (u *outerUse) lock(ctx context.Context) error { return u.mu.LockContext(ctx) }

// drain receives from ch until it is closed.
func (u *outerUse) drain(c *task.Ctx) {
	for range u.ch.All(c) {
		u.received++
	}
}

// TestOuterCtxInAChild: children use their parent's c while the parent runs, waits or has ended.
func TestOuterCtxInAChild(t *testing.T) {
	const children = 20
	for name, use := range outerUses {
		for _, parent := range []string{"waits", "runs", "has ended"} {
			t.Run(name+"/"+parent, func(t *testing.T) {
				guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
					u := newOuterUse()
					drain := s.Go(u.drain)
					var ran atomic.Int64
					var ts []task.Task
					begun := make(chan struct{}) // closed when the children may begin
					root := s.Go(func(c *task.Ctx) {
						for range children {
							ts = append(ts, c.Go(func(mine *task.Ctx) {
								if parent == "has ended" {
									_, _, _ = task.Receive(mine, begun)
								}
								if err := use(c, u); err != nil && (parent != "has ended" || err != context.Canceled) {
									panic(err)
								}
								ran.Add(1)
							}))
						}
						switch parent {
						case "waits":
							for _, x := range ts {
								if err := x.Wait(); err != nil {
									panic(err)
								}
							}
						case "runs":
							for ran.Load() < children {
								c.Checkpoint()
							}
						}
					})
					require.NoError(t, root.Wait())
					close(begun)
					for _, x := range ts {
						require.NoError(t, x.Wait())
					}
					u.ch.Close()
					require.NoError(t, drain.Wait())
					require.EqualValues(t, children, ran.Load())
					require.LessOrEqual(t, u.most, 1)
					if name == "send" && parent != "has ended" {
						require.Equal(t, children, u.received)
					}
				})
			})
		}
	}
}

// TestOuterCtxInALoop: the body of a parallel loop uses the c around the loop.
func TestOuterCtxInALoop(t *testing.T) {
	const calls = 300
	loops := 5
	if testing.Short() {
		loops = 2
	}
	for name, use := range outerUses {
		t.Run(name, func(t *testing.T) {
			guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
				for range loops {
					u := newOuterUse()
					drain := s.Go(u.drain)
					var ran atomic.Int64
					require.NoError(t, s.Go(func(c *task.Ctx) {
						err := parallel.For(c, calls, func(_ *task.Ctx, _ int) {
							if err := use(c, u); err != nil {
								panic(err)
							}
							ran.Add(1)
						}, parallel.WithGrain(1))
						if err != nil {
							panic(err)
						}
					}).Wait())
					u.ch.Close()
					require.NoError(t, drain.Wait())
					require.EqualValues(t, calls, ran.Load())
					require.LessOrEqual(t, u.most, 1)
					if name == "send" {
						require.Equal(t, calls, u.received)
					}
				}
			})
		})
	}
}

// TestGroupContextInMembers: members wait under the group's context, as with errgroup, while the
// maker of the group waits or runs.
func TestGroupContextInMembers(t *testing.T) {
	for _, parked := range []bool{true, false} {
		for _, fails := range []bool{true, false} {
			t.Run(fmt.Sprintf("parked=%t/fails=%t", parked, fails), func(t *testing.T) {
				asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
					ch := tsync.NewChan[int](0)
					var got, ended atomic.Int64
					g, gctx := task.NewGroupContext(ctx, s)
					for range 3 {
						g.Go(func(*task.Ctx) error {
							defer ended.Add(1)
							v, _, err := ch.Recv(gctx)
							got.Add(int64(v))
							return err
						})
					}
					g.Go(func(c *task.Ctx) error {
						defer ended.Add(1)
						for i := range 3 {
							if i == 2 && fails {
								return errStop
							}
							if err := ch.Send(gctx, 1); err != nil {
								return err
							}
						}
						return nil
					})
					for !parked && ended.Load() < 4 {
						if c, ok := task.Current(); ok {
							c.Yield()
						}
					}
					err := g.Wait()
					if ended.Load() != 4 {
						t.Errorf("%d members have ended when Wait returns", ended.Load())
					}
					want, sum := error(nil), int64(3)
					if fails {
						want, sum = errStop, 2
					}
					if err != want || got.Load() != sum {
						t.Errorf("Wait returned %v, want %v; received %d, want %d", err, want, got.Load(), sum)
					}
				})
			})
		}
	}
}

// TestBackgroundInTasks: waits under context.Background() park. There are more waiting tasks than
// workers.
func TestBackgroundInTasks(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		ch := tsync.NewChan[int](0)
		var sum atomic.Int64
		var ts []task.Task
		for range 20 {
			ts = append(ts, s.Go(func(*task.Ctx) {
				v, ok, err := ch.Recv(context.Background())
				if !ok || err != nil {
					panic(fmt.Sprint(ok, err))
				}
				sum.Add(int64(v))
			}))
		}
		require.NoError(t, s.Go(func(*task.Ctx) {
			for range 20 {
				if err := ch.Send(context.Background(), 1); err != nil {
					panic(err)
				}
			}
			for _, x := range ts {
				if err := x.WaitContext(context.Background()); err != nil {
					panic(err)
				}
			}
		}).Wait())
		require.EqualValues(t, 20, sum.Load())
	})
}

// TestStaleContexts: contexts are derived from the Ctx of a task that has ended. Another task,
// which may have the same descriptor, uses them, and so does a goroutine. A context that has ended
// ends the wait with its cause. A context without a cancellation does not end the wait.
func TestStaleContexts(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		for range 50 {
			var bare, ended context.Context
			require.NoError(t, s.Go(func(c *task.Ctx) {
				bare = context.WithoutCancel(c)
				x, cancel := context.WithCancelCause(c)
				cancel(errStop)
				ended = x
			}).Wait())
			use := func() {
				ch := tsync.NewChan[int](1)
				ch.TrySend(1)
				if _, _, err := ch.Recv(ended); !errors.Is(err, errStop) {
					panic(fmt.Sprint("Recv under an ended context returned ", err))
				}
				if v, ok, err := ch.Recv(bare); v != 1 || !ok || err != nil {
					panic(fmt.Sprint(v, ok, err))
				}
				p := new(task.Completion[int])
				s.Go(func(*task.Ctx) { p.Complete(2, nil) })
				if v, err := p.WaitContext(bare); v != 2 || err != nil {
					panic(fmt.Sprint(v, err))
				}
			}
			use()
			require.NoError(t, s.Go(func(*task.Ctx) { use() }).Wait())
		}
	})
}
