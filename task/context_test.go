package task_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// isDone reports whether the context's Done channel is closed.
func isDone(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	default:
		return false
	}
}

// A context derived from a task's Ctx still shows that task after its end, and no other task,
// although many tasks come after it.
func TestContextAfterTheEnd(t *testing.T) {
	type user struct{}
	derive := map[string]func(c context.Context) context.Context{
		"Ctx":              func(c context.Context) context.Context { return c },
		"WithCancel":       func(c context.Context) context.Context { return keep(context.WithCancel(c)) },
		"WithValue":        func(c context.Context) context.Context { return context.WithValue(c, keyOfTest{}, 1) },
		"WithoutCancel":    context.WithoutCancel,
		"task.WithTimeout": func(c context.Context) context.Context { return keep(task.WithTimeout(c, time.Hour)) },
	}
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		for _, way := range []string{"GoContext", "Parent", "Group"} {
			start := func(c *task.Ctx, name string, fn func(c *task.Ctx)) task.Task {
				ctx := context.WithValue(context.Background(), user{}, name)
				if way == "GoContext" {
					return s.GoContext(ctx, fn)
				}
				return c.Go(fn, task.Parent(ctx))
			}
			for kind, derive := range derive {
				require.NoError(t, s.Go(func(c *task.Ctx) {
					var kept []context.Context
					for i := range 100 {
						note := func(c *task.Ctx) { kept = append(kept, derive(c)) }
						if way == "Group" {
							g, _ := task.NewGroupContext(context.WithValue(context.Background(), user{}, fmt.Sprint("alice", i)), s)
							_ = g.GoContext(c, func(c *task.Ctx) error { note(c); return nil })
							_ = g.WaitContext(c)
							continue
						}
						_ = start(c, fmt.Sprint("alice", i), note).WaitContext(c)
					}
					others := make([]task.Task, 100)
					for i := range others {
						others[i] = start(c, fmt.Sprint("bob", i), func(c *task.Ctx) { _ = c.Park() })
					}
					for i, k := range kept {
						assert.Equal(t, fmt.Sprint("alice", i), k.Value(user{}), "%s, %s", way, kind)
						if kind != "WithoutCancel" {
							assert.Equal(t, context.Canceled, k.Err(), "%s, %s", way, kind)
							assert.True(t, isDone(k), "%s, %s", way, kind)
						}
					}
					for _, o := range others {
						o.Cancel()
						_ = o.WaitContext(c)
					}
				}).Wait())
			}
		}
	})
}

// For a task without contexts: a context derived from its Ctx and used during its life shows the
// task's end, and never another task's values.
func TestContextOfAPlainTaskAfterTheEnd(t *testing.T) {
	type user struct{}
	use := map[string]func(c *task.Ctx, ctx context.Context){
		"Err":      func(_ *task.Ctx, ctx context.Context) { _ = ctx.Err() },
		"Value":    func(_ *task.Ctx, ctx context.Context) { _ = ctx.Value(user{}) },
		"Deadline": func(_ *task.Ctx, ctx context.Context) { _, _ = ctx.Deadline() },
		"Done":     func(_ *task.Ctx, ctx context.Context) { _ = ctx.Done() },
		"a wait":   func(_ *task.Ctx, ctx context.Context) { _ = task.Sleep(ctx, 0) },
		"nothing":  func(*task.Ctx, context.Context) {},
	}
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		for name, use := range use {
			require.NoError(t, s.Go(func(c *task.Ctx) {
				var kept []context.Context
				for range 100 {
					x := c.Go(func(c *task.Ctx) {
						ctx := context.WithValue(c, keyOfTest{}, 1)
						use(c, ctx)
						kept = append(kept, ctx)
					})
					_ = x.WaitContext(c)
				}
				ctx := context.WithValue(context.Background(), user{}, "bob")
				others := make([]task.Task, 200)
				for i := range others {
					var opts []task.Option
					if i%2 == 0 {
						opts = []task.Option{task.Parent(ctx)}
					}
					others[i] = c.Go(func(c *task.Ctx) { _ = c.Park() }, opts...)
				}
				for _, k := range kept {
					assert.Nil(t, k.Value(user{}), name)
					if name != "nothing" {
						assert.Equal(t, context.Canceled, k.Err(), name)
						assert.True(t, isDone(k), name)
					}
				}
				for _, o := range others {
					o.Cancel()
					_ = o.WaitContext(c)
				}
			}).Wait())
		}
	})
}

// A task's memory serves no other task after one of the methods of a context.Context was called,
// because the user of the context may call it again after the task's end.
func TestUsedCtxIsTheLastOfItsDescriptor(t *testing.T) {
	for name, use := range map[string]func(c *task.Ctx){
		"Err":      func(c *task.Ctx) { _ = c.Err() },
		"Value":    func(c *task.Ctx) { _ = c.Value(keyOfTest{}) },
		"Deadline": func(c *task.Ctx) { _, _ = c.Deadline() },
		"Done":     func(c *task.Ctx) { _ = c.Done() },
		"nothing":  func(*task.Ctx) {},
	} {
		s, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		again := false
		require.NoError(t, s.Go(func(c *task.Ctx) {
			var first *rt.Task
			_ = c.Go(func(c *task.Ctx) { first = (*rt.Life)(c).Task(); use(c) }).WaitContext(c)
			for range 100 {
				_ = c.Go(func(c *task.Ctx) { again = again || (*rt.Life)(c).Task() == first }).WaitContext(c)
			}
		}).Wait())
		require.NoError(t, s.Close())
		require.Equal(t, name == "nothing", again, name)
	}
}

// Err is Canceled or DeadlineExceeded, and context.Cause returns the reason, for a task's Ctx and
// for the contexts derived from it.
func TestErrAndCauseOfCtx(t *testing.T) {
	type how struct {
		opts []task.Option
		end  func(s *scheduler.Scheduler, x task.Task)
	}
	plain := func(end func(x task.Task)) func(time.Duration) how {
		return func(time.Duration) how { return how{end: func(_ *scheduler.Scheduler, x task.Task) { end(x) }} }
	}
	parents := func(more ...task.Option) func(time.Duration) how {
		return func(time.Duration) how {
			ctx, cancel := context.WithCancelCause(context.Background())
			return how{append(more, task.Parent(ctx)), func(*scheduler.Scheduler, task.Task) { cancel(errStop); cancel(errParent) }}
		}
	}
	expiring := func(more ...task.Option) func(time.Duration) how {
		return func(d time.Duration) how {
			// This context ends by itself.
			ctx := keep(context.WithTimeoutCause(context.Background(), d, errTimer))
			return how{append(more, task.Parent(ctx)), nil}
		}
	}
	other := task.Parent(keep(context.WithCancel(context.Background())))
	for _, x := range []struct {
		name       string
		make       func(d time.Duration) how
		err, cause error
	}{
		{"Cancel", plain(task.Task.Cancel), context.Canceled, context.Canceled},
		{"CancelCause", plain(func(x task.Task) { x.CancelCause(errStop) }), context.Canceled, errStop},
		{"CancelCause of a deadline", plain(func(x task.Task) { x.CancelCause(context.DeadlineExceeded) }), context.Canceled, context.DeadlineExceeded},
		{"the first", plain(func(x task.Task) { x.CancelCause(errStop); x.CancelCause(errParent); x.Cancel() }), context.Canceled, errStop},
		{"Close", func(time.Duration) how {
			return how{end: func(s *scheduler.Scheduler, _ task.Task) { go s.Close() }}
		}, context.Canceled, task.ErrClosed},
		{"Timeout", func(d time.Duration) how { return how{opts: []task.Option{task.Timeout(d)}} }, context.DeadlineExceeded, context.DeadlineExceeded},
		{"parent", parents(), context.Canceled, errStop},
		{"parent and timeout", parents(task.Timeout(time.Hour)), context.Canceled, errStop},
		{"two parents", parents(other), context.Canceled, errStop},
		{"parent expired", expiring(), context.DeadlineExceeded, errTimer},
		{"parent expired and timeout", expiring(task.Timeout(time.Hour)), context.DeadlineExceeded, errTimer},
		{"two parents expired", expiring(other), context.DeadlineExceeded, errTimer},
	} {
		// early: there are derived contexts before the end.
		for _, early := range []bool{true, false} {
			t.Run(fmt.Sprint(x.name, ",early=", early), func(t *testing.T) {
				s, err := scheduler.New(scheduler.WithWorkers(2))
				require.NoError(t, err)
				defer s.Close()
				// A context with a timeout may end before the task has started. Then the task never
				// starts, so try again with a longer timeout.
				for d := 10 * time.Millisecond; ; d *= 2 {
					ready, goOn := make(chan *task.Ctx, 1), make(chan struct{})
					h := x.make(d)
					tk := s.Go(func(c *task.Ctx) {
						ready <- c
						for c.Cause() == nil {
							c.Checkpoint()
						}
						<-goOn
					}, h.opts...)
					over := make(chan error, 1)
					go func() { over <- tk.Wait() }()
					var c *task.Ctx
					select {
					case c = <-ready:
					case <-over:
						continue
					}
					derive := func() []context.Context {
						return []context.Context{
							c, context.WithValue(c, keyOfTest{}, 1), keep(context.WithCancel(c)),
							keep(context.WithCancel(context.WithValue(c, keyOfTest{}, 1))),
							keep(task.WithTimeout(c, time.Hour)),
							keep(task.WithTimeout(keep(context.WithCancel(c)), time.Hour)),
						}
					}
					var all []context.Context
					if early {
						all = derive()
					}
					if h.end != nil {
						h.end(s, tk)
					}
					for c.Err() == nil {
						runtime.Gosched()
					}
					if !early {
						all = derive()
					}
					for i, ctx := range all {
						for ctx.Err() == nil {
							runtime.Gosched() // package context may end ctx on a goroutine
						}
						assert.Equal(t, x.err, ctx.Err(), "context %d", i)
						assert.Equal(t, x.cause, context.Cause(ctx), "context %d", i)
						<-ctx.Done()
					}
					assert.Equal(t, x.cause, c.Cause())
					close(goOn)
					assert.Equal(t, x.cause, <-over)
					return
				}
			})
		}
	}
}

// When a cancel function has returned, the contexts below report the end: those of
// task.WithTimeout, a task's Ctx, and contexts derived from these.
func TestCancellingIsSynchronous(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		for range 20 {
			parent, cancel := context.WithCancelCause(context.Background())
			ready := make(chan *task.Ctx)
			goOn := make(chan struct{})
			x := s.GoContext(parent, func(c *task.Ctx) {
				ready <- c
				<-goOn // holds the worker: no checkpoint, no wake-up
			})
			c := <-ready
			own, cancelOwn := context.WithCancelCause(c)
			below, _ := task.WithTimeout(c, time.Hour)
			for name, p := range map[string]struct {
				cancel context.CancelCauseFunc
				all    []context.Context
			}{
				"a context of the task's": {cancelOwn, []context.Context{
					keep(task.WithTimeout(own, time.Hour)),
					keep(task.WithTimeout(context.WithValue(own, keyOfTest{}, 1), time.Hour)),
					keep(task.WithTimeout(keep(task.WithTimeout(own, 2*time.Hour)), time.Hour)),
				}},
			} {
				done := make([]<-chan struct{}, len(p.all))
				for i, ctx := range p.all {
					done[i] = ctx.Done()
				}
				p.cancel(errStop)
				for i, ctx := range p.all {
					select {
					case <-done[i]:
					default:
						t.Errorf("%s: Done of context %d is open", name, i)
					}
					assert.Equal(t, context.Canceled, ctx.Err(), "%s: %d", name, i)
					assert.Equal(t, errStop, context.Cause(ctx), "%s: %d", name, i)
				}
			}
			all := []context.Context{c, context.WithValue(c, keyOfTest{}, 1), keep(context.WithCancel(c)),
				keep(context.WithCancel(context.WithValue(c, keyOfTest{}, 1))), below, keep(task.WithTimeout(keep(context.WithCancel(c)), time.Hour))}
			done := make([]<-chan struct{}, len(all))
			for i, ctx := range all {
				done[i] = ctx.Done()
			}
			cancel(errParent)
			for i, ctx := range all {
				select {
				case <-done[i]:
				default:
					t.Errorf("Done of context %d is open", i)
				}
				assert.Equal(t, context.Canceled, ctx.Err(), "%d", i)
				assert.Equal(t, errParent, context.Cause(ctx), "%d", i)
			}
			close(goOn)
			require.Equal(t, errParent, x.Wait())
		}
	})
}

// Contexts can be printed while they are cancelled.
func TestPrintingContexts(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		require.NoError(t, s.Go(func(c *task.Ctx) {
			for range 10 {
				x, cancel := task.WithTimeout(c, time.Hour)
				y := keep(context.WithCancel(x))
				z := context.WithoutCancel(keep(task.WithTimeout(context.WithValue(y, keyOfTest{}, "v"), time.Minute)))
				var wg sync.WaitGroup
				wg.Go(cancel)
				for _, ctx := range []context.Context{c, x} {
					assert.Contains(t, fmt.Sprintf("%v %+v", ctx, ctx), "task (")
				}
				// Not y: package context names y after the context above it.
				for _, ctx := range []context.Context{x, z} {
					assert.Contains(t, fmt.Sprintf("%v %+v", ctx, ctx), ".WithDeadline(")
				}
				_ = fmt.Sprint(y)
				_ = c.Blocking(wg.Wait)
			}
		}).Wait())
	})
}

// If a function given to AfterFunc ends its goroutine, the task's cancellation and end are still
// complete.
func TestAfterFuncGoexit(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		for i := range 8 {
			var wg sync.WaitGroup
			wg.Add(3)
			ready := make(chan struct{})
			x := s.Go(func(c *task.Ctx) {
				goexit := func() { defer wg.Done(); runtime.Goexit() }
				c.AfterFunc(goexit)
				context.AfterFunc(c, goexit)
				keep(task.WithTimeout(c, time.Hour)).(interface{ AfterFunc(f func()) func() bool }).AfterFunc(goexit)
				close(ready)
				if i%2 == 0 {
					_ = c.Park()
				}
			})
			<-ready
			var want error
			if i%2 == 0 {
				x.Cancel()
				want = context.Canceled
			}
			require.Equal(t, want, x.Wait())
			wg.Wait()
		}
	})
}

// errCtx is a context of a user's type. One of its methods panics from its n-th call on.
type errCtx struct {
	context.Context
	method string
	calls  *int
}

func (x errCtx) call(method string) {
	if method == x.method {
		if *x.calls--; *x.calls < 0 {
			panic(errStop)
		}
	}
}
func (x errCtx) Err() error            { x.call("Err"); return x.Context.Err() }
func (x errCtx) Done() <-chan struct{} { x.call("Done"); return x.Context.Done() }
func (x errCtx) Value(key any) any     { x.call("Value"); return x.Context.Value(key) }

// A context that panics while a task is submitted under it, or by it, leaves nothing behind: Wait,
// group's Wait and Close return.
func TestContextThatPanics(t *testing.T) {
	fn := func(*task.Ctx) {}
	ways := map[string]func(s *scheduler.Scheduler, ctx context.Context){
		"GoContext": func(s *scheduler.Scheduler, ctx context.Context) { s.GoContext(ctx, fn) },
		"two": func(s *scheduler.Scheduler, ctx context.Context) {
			s.Go(fn, task.Parent(ctx), task.Parent(keep(context.WithCancel(context.Background()))))
		},
		"GoAfter": func(s *scheduler.Scheduler, ctx context.Context) { s.GoAfter(0, fn, task.Parent(ctx)) },
		"GoEvery": func(s *scheduler.Scheduler, ctx context.Context) { s.GoEvery(time.Hour, fn, task.Parent(ctx)).Cancel() },
		"Submit": func(s *scheduler.Scheduler, ctx context.Context) {
			task.Submit(s, func(*task.Ctx) (int, error) { return 0, nil }, task.Parent(ctx))
		},
		"Group": func(s *scheduler.Scheduler, ctx context.Context) {
			g := task.NewGroup(s)
			g.SetLimit(1)
			v := recovered(func() { _ = g.GoContext(context.Background(), ok, task.Parent(ctx)) })
			_ = g.WaitContext(context.Background())
			if v != nil {
				panic(v)
			}
		},
		"Group.Go": func(s *scheduler.Scheduler, ctx context.Context) {
			g := task.NewGroup(s)
			v := recovered(func() { _ = g.GoContext(ctx, ok) })
			_ = g.WaitContext(context.Background())
			if v != nil {
				panic(v)
			}
		},
		"Ctx.Go": func(s *scheduler.Scheduler, ctx context.Context) {
			var v any
			_ = s.Go(func(c *task.Ctx) { v = recovered(func() { c.Go(fn, task.Parent(ctx)) }) }).Wait()
			if v != nil {
				panic(v)
			}
		},
	}
	for _, limit := range []bool{false, true} {
		for name, submit := range ways {
			for _, method := range []string{"Err", "Done", "Value"} {
				t.Run(fmt.Sprint(name, ",", method, ",limit=", limit), func(t *testing.T) {
					for calls := range 6 {
						var opts []scheduler.Option
						if limit {
							opts = []scheduler.Option{scheduler.WithQueueLimit(1, scheduler.Block)}
						}
						s, err := scheduler.New(append(opts, scheduler.WithWorkers(1))...)
						require.NoError(t, err)
						hung := time.AfterFunc(testkit.Patience, func() { panic(t.Name() + " hangs") })
						panicked := recovered(func() {
							ctx, cancel := context.WithCancel(context.Background())
							defer cancel()
							n := calls
							submit(s, errCtx{ctx, method, &n})
						})
						if panicked != nil {
							require.Equal(t, errStop, panicked)
						}
						require.NoError(t, s.Wait(context.Background()))
						require.NoError(t, s.Close())
						hung.Stop()
						if panicked == nil {
							break
						}
					}
				})
			}
		}
	}
}
