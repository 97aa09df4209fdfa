package task_test

import (
	"context"
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/handclock"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// onClock runs f as a task of a scheduler whose clock f can advance.
func onClock(t *testing.T, f func(c *task.Ctx, clock *handclock.Clock)) {
	t.Helper()
	clock := handclock.New()
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithClock(clock))
	require.NoError(t, err)
	hung := time.AfterFunc(testkit.Patience, func() { panic(t.Name() + " hangs") })
	defer hung.Stop()
	require.NoError(t, s.Go(func(c *task.Ctx) { f(c, clock) }).Wait())
	require.NoError(t, s.Close())
}

// A maker makes contexts, either those of the standard library or ours.
type maker struct {
	deadline      func(ctx context.Context, t time.Time) (context.Context, context.CancelFunc)
	timeout       func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc)
	deadlineCause func(ctx context.Context, t time.Time, err error) (context.Context, context.CancelFunc)
	timeoutCause  func(ctx context.Context, d time.Duration, err error) (context.Context, context.CancelFunc)
}

var (
	std  = maker{context.WithDeadline, context.WithTimeout, context.WithDeadlineCause, context.WithTimeoutCause}
	ours = maker{task.WithDeadline, task.WithTimeout, task.WithDeadlineCause, task.WithTimeoutCause}
)

// keyOfTest is the key of a context value.
type keyOfTest struct{}

// seen is the observable state of a context.
type seen struct {
	err, cause error
	done       bool
	value      any
}

func look(ctx context.Context) seen {
	s := seen{err: ctx.Err(), cause: context.Cause(ctx), value: ctx.Value(keyOfTest{})}
	select {
	case <-ctx.Done():
		s.done = true
	default:
	}
	return s
}

var (
	errParent = errors.New("of the parent")
	errTimer  = errors.New("of the deadline")
)

// keep drops cancel. The contexts end with the test's task, and those under the standard library's
// Background need no end.
func keep(ctx context.Context, _ context.CancelFunc) context.Context { return ctx }

// contextCases are scenes. Each makes a context under parent and ends it in some way. expire lets a
// millisecond pass. A scene returns the contexts to look at.
var contextCases = []struct {
	name string
	f    func(m maker, parent context.Context, expire func()) []context.Context
}{
	{"pending", func(m maker, p context.Context, _ func()) []context.Context {
		ctx, _ := m.timeout(p, time.Hour)
		child := keep(context.WithCancel(ctx))
		return []context.Context{ctx, child}
	}},
	{"cancelled", func(m maker, p context.Context, _ func()) []context.Context {
		ctx, cancel := m.timeout(p, time.Hour)
		child := keep(context.WithCancel(ctx))
		cancel()
		cancel()
		return []context.Context{ctx, child}
	}},
	{"expired", func(m maker, p context.Context, expire func()) []context.Context {
		ctx, cancel := m.timeout(p, time.Millisecond)
		child := keep(context.WithCancel(ctx))
		grand, _ := m.timeout(context.WithValue(child, keyOfTest{}, 2), time.Hour)
		expire()
		cancel()
		late := keep(context.WithCancel(ctx))
		return []context.Context{ctx, child, grand, late}
	}},
	{"expired with a cause", func(m maker, p context.Context, expire func()) []context.Context {
		ctx, _ := m.timeoutCause(p, time.Millisecond, errTimer)
		child := keep(context.WithCancel(ctx))
		expire()
		return []context.Context{ctx, child}
	}},
	{"in the past", func(m maker, p context.Context, _ func()) []context.Context {
		ctx, cancel := m.deadline(p, time.Unix(0, 0))
		child := keep(context.WithCancel(ctx))
		cancel()
		other, _ := m.timeoutCause(p, 0, errTimer)
		third, _ := m.deadlineCause(p, time.Unix(0, 0), nil)
		return []context.Context{ctx, child, other, third}
	}},
	{"parent cancelled", func(m maker, p context.Context, _ func()) []context.Context {
		parent, cancel := context.WithCancelCause(p)
		ctx, _ := m.timeoutCause(parent, time.Hour, errTimer)
		child := keep(context.WithCancel(ctx))
		cancel(errParent)
		return []context.Context{ctx, child}
	}},
	{"parent cancelled before", func(m maker, p context.Context, _ func()) []context.Context {
		parent, cancel := context.WithCancelCause(p)
		cancel(errParent)
		ctx, _ := m.timeoutCause(parent, time.Hour, errTimer)
		child := keep(context.WithCancel(ctx))
		past, _ := m.timeout(parent, -1)
		return []context.Context{ctx, child, past}
	}},
	{"parent cancelled after the end", func(m maker, p context.Context, expire func()) []context.Context {
		parent, cancel := context.WithCancelCause(p)
		ctx, _ := m.timeoutCause(parent, time.Millisecond, errTimer)
		child := keep(context.WithCancel(ctx))
		expire()
		cancel(errParent)
		return []context.Context{ctx, child}
	}},
	{"the sooner deadline", func(m maker, p context.Context, expire func()) []context.Context {
		soon, _ := m.timeoutCause(p, time.Millisecond, errTimer)
		ctx, _ := m.timeout(soon, time.Hour)
		below, _ := m.timeout(ctx, time.Hour)
		expire()
		return []context.Context{soon, ctx, below}
	}},
	{"the sooner child", func(m maker, p context.Context, expire func()) []context.Context {
		late, _ := m.timeout(p, time.Hour)
		ctx, _ := m.timeout(late, time.Millisecond)
		expire()
		return []context.Context{late, ctx}
	}},
	{"under WithoutCancel", func(m maker, p context.Context, _ func()) []context.Context {
		parent, cancel := context.WithCancelCause(p)
		ctx, _ := m.timeout(context.WithoutCancel(parent), time.Hour)
		cancel(errParent)
		return []context.Context{ctx}
	}},
}

// awaitEnds waits until each context that should have ended reports its end. The standard library
// may end a context on a goroutine.
func awaitEnds(want []seen, ctxs []context.Context) {
	for i, ctx := range ctxs {
		for want[i].done && ctx.Err() == nil {
			runtime.Gosched()
		}
	}
}

// Contexts with deadlines under a task are like those of the standard library under Background.
func TestWithDeadlineAsStd(t *testing.T) {
	for _, x := range contextCases {
		t.Run(x.name, func(t *testing.T) {
			var want []seen
			synctest.Test(t, func(*testing.T) {
				parent, cancel := context.WithCancel(context.WithValue(context.Background(), keyOfTest{}, 1))
				defer cancel()
				ctxs := x.f(std, parent, func() { time.Sleep(time.Millisecond); synctest.Wait() })
				synctest.Wait()
				for _, ctx := range ctxs {
					want = append(want, look(ctx))
				}
			})
			onClock(t, func(c *task.Ctx, clock *handclock.Clock) {
				for name, p := range map[string]context.Context{
					"task":    context.WithValue(c, keyOfTest{}, 1),
					"derived": keep(context.WithCancel(context.WithValue(c, keyOfTest{}, 1))),
				} {
					ctxs := x.f(ours, p, func() { clock.Advance(time.Millisecond) })
					awaitEnds(want, ctxs)
					for i, ctx := range ctxs {
						if got := look(ctx); got != want[i] {
							t.Errorf("%s: context %d: got %+v, want %+v", name, i, got, want[i])
						}
					}
				}
			})
		})
	}
}

func TestWithDeadlineValues(t *testing.T) {
	onClock(t, func(c *task.Ctx, clock *handclock.Clock) {
		at := handclock.Start.Add(time.Minute)
		ctx, cancel := task.WithDeadline(c, at)
		if d, ok := ctx.Deadline(); !ok || !d.Equal(at) {
			t.Errorf("Deadline: %v, %v", d, ok)
		}
		if me, ok := task.From(ctx); !ok || me != c {
			t.Error("From finds another task")
		}
		later, cancelLater := task.WithTimeout(ctx, time.Hour)
		if d, _ := later.Deadline(); !d.Equal(at) {
			t.Errorf("Deadline of the later one: %v", d)
		}
		cancelLater()
		var called atomic.Int32
		stop := context.AfterFunc(ctx, func() { called.Add(1) })
		if !stop() || stop() {
			t.Error("stop")
		}
		context.AfterFunc(ctx, func() { called.Add(1) })
		cancel()
		context.AfterFunc(ctx, func() { called.Add(1) })
		for called.Load() < 2 {
			runtime.Gosched()
		}
		if _, ok := clock.Next(); ok {
			t.Error("a timer is left")
		}
		// The end of the task ends the context.
		var inner context.Context
		x := c.Go(func(c *task.Ctx) { inner, _ = task.WithTimeout(c, time.Hour) })
		_ = x.WaitContext(c)
		if inner.Err() != context.Canceled {
			t.Errorf("after the end of the task: %v", inner.Err())
		}
		if _, ok := clock.Next(); ok {
			t.Error("a timer is left after the end of the task")
		}
	})
	var none context.Context
	require.Panics(t, func() { task.WithTimeout(none, 1) })
	// Without a task, WithTimeout returns the standard library's context.
	ctx, cancel := task.WithTimeout(context.Background(), 0)
	defer cancel()
	require.Equal(t, context.DeadlineExceeded, ctx.Err())
}

// Sleep of tasks and goroutines ends by its time, by its context, and at once under a context that
// has ended before.
func TestSleep(t *testing.T) {
	asEach(t, func(t *testing.T, s *scheduler.Scheduler, ctx context.Context) {
		for _, d := range []time.Duration{-1, 0, 1, 100 * time.Microsecond} {
			start := time.Now()
			if err := task.Sleep(ctx, d); err != nil || time.Since(start) < d {
				t.Errorf("Sleep(%v): %v after %v", d, err, time.Since(start))
			}
		}
		ended, cancel := context.WithCancelCause(ctx)
		cancel(errStop)
		if err := task.Sleep(ended, time.Hour); err != errStop {
			t.Errorf("Sleep under a context that has ended: %v", err)
		}
		short, done := task.WithTimeout(ctx, 100*time.Microsecond)
		defer done()
		if err := task.Sleep(short, time.Hour); err != context.DeadlineExceeded {
			t.Errorf("Sleep under a deadline: %v", err)
		}
	})
}

// The deadline options, with every way to submit.
func TestDeadlineOptions(t *testing.T) {
	submit := map[string]func(s *scheduler.Scheduler, c *task.Ctx, fn func(c *task.Ctx), opts ...task.Option) (end func() error){
		"Scheduler.Go": func(s *scheduler.Scheduler, c *task.Ctx, fn func(c *task.Ctx), opts ...task.Option) func() error {
			x := s.Go(fn, opts...)
			return func() error { return x.WaitContext(c) }
		},
		"GoContext": func(s *scheduler.Scheduler, c *task.Ctx, fn func(c *task.Ctx), opts ...task.Option) func() error {
			x := s.GoContext(context.Background(), fn, opts...)
			return func() error { return x.WaitContext(c) }
		},
		"Ctx.Go": func(_ *scheduler.Scheduler, c *task.Ctx, fn func(c *task.Ctx), opts ...task.Option) func() error {
			x := c.Go(fn, opts...)
			return func() error { return x.WaitContext(c) }
		},
		"GoAfter": func(s *scheduler.Scheduler, c *task.Ctx, fn func(c *task.Ctx), opts ...task.Option) func() error {
			x := s.GoAfter(0, fn, opts...)
			return func() error { return x.WaitContext(c) }
		},
		"Group": func(s *scheduler.Scheduler, c *task.Ctx, fn func(c *task.Ctx), opts ...task.Option) func() error {
			g := task.NewGroup(s)
			_ = g.GoContext(c, func(c *task.Ctx) error { fn(c); return c.Err() }, opts...)
			return func() error { return g.WaitContext(c) }
		},
		"Submit": func(s *scheduler.Scheduler, c *task.Ctx, fn func(c *task.Ctx), opts ...task.Option) func() error {
			f := task.Submit(s, func(c *task.Ctx) (int, error) { fn(c); return 0, c.Err() }, opts...)
			return func() error { _, err := f.WaitContext(c); return err }
		},
	}
	for name, submit := range submit {
		t.Run(name, func(t *testing.T) {
			clock := handclock.New()
			s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithClock(clock))
			require.NoError(t, err)
			hung := time.AfterFunc(testkit.Patience, func() { panic(t.Name() + " hangs") })
			defer hung.Stop()
			require.NoError(t, s.Go(func(c *task.Ctx) {
				ran := 0
				var deadline time.Time
				parks := func(c *task.Ctx) {
					ran++
					deadline, _ = c.Deadline()
					c.Park()
				}
				// The task runs, and is cancelled at its deadline.
				for i, opts := range []func(at time.Time) []task.Option{
					func(at time.Time) []task.Option { return []task.Option{task.Deadline(at)} },
					func(time.Time) []task.Option { return []task.Option{task.Timeout(time.Minute)} },
					func(at time.Time) []task.Option {
						return []task.Option{task.Deadline(at), task.Timeout(time.Hour), task.Deadline(at.Add(1))}
					},
					func(at time.Time) []task.Option {
						return []task.Option{task.Timeout(time.Minute), task.Timeout(time.Hour), task.Deadline(at.Add(time.Hour))}
					},
				} {
					at := clock.Now().Add(time.Minute)
					end := submit(s, c, parks, opts(at)...)
					for ran == i {
						c.Yield()
					}
					clock.Advance(time.Minute - 1)
					if _, ok := clock.Next(); !ok {
						t.Errorf("%d: no timer", i)
					}
					clock.Advance(1)
					if err := end(); err != context.DeadlineExceeded {
						t.Errorf("%d: ended with %v", i, err)
					}
					if !deadline.Equal(at) {
						t.Errorf("%d: Deadline is %v, want %v", i, deadline, at)
					}
				}
				// The task has not started, and so never does.
				ran = 0
				end := submit(s, c, parks, task.Timeout(time.Minute))
				clock.Advance(time.Minute)
				if err := end(); err != context.DeadlineExceeded || ran != 0 {
					t.Errorf("not started: %v, ran %d times", err, ran)
				}
				end = submit(s, c, parks, task.Timeout(0))
				if err := end(); err != context.DeadlineExceeded || ran != 0 {
					t.Errorf("over at once: %v, ran %d times", err, ran)
				}
				end = submit(s, c, parks, task.Deadline(clock.Now().Add(-1)))
				if err := end(); err != context.DeadlineExceeded || ran != 0 {
					t.Errorf("over before: %v, ran %d times", err, ran)
				}
				// The task ends in time, and nothing is left.
				end = submit(s, c, func(*task.Ctx) {}, task.Timeout(time.Minute))
				if err := end(); err != nil {
					t.Errorf("in time: %v", err)
				}
				for {
					if _, ok := clock.Next(); !ok {
						break
					}
					c.Yield() // the task ends a moment after its result is there
				}
			}).Wait())
			require.NoError(t, s.Close())
		})
	}
}

// A task shows the earlier one of its own deadline and its parent's.
func TestDeadlineOfParent(t *testing.T) {
	onClock(t, func(c *task.Ctx, _ *handclock.Clock) {
		s, err := scheduler.New(scheduler.WithWorkers(1))
		if err != nil {
			t.Error(err)
			return
		}
		at := time.Now().Add(time.Hour)
		parent, cancel := context.WithDeadline(context.Background(), at)
		defer cancel()
		for _, own := range []time.Duration{-time.Minute, time.Minute} {
			want := at
			if own < 0 {
				want = at.Add(own)
			}
			x := s.GoContext(parent, func(c *task.Ctx) {
				if d, ok := c.Deadline(); !ok || !d.Equal(want) {
					t.Errorf("Deadline is %v, want %v", d, want)
				}
			}, task.Deadline(at.Add(own)))
			_ = x.WaitContext(c)
		}
		_ = c.Blocking(func() { _ = s.Close() })
	})
}

// A context's end wakes a task that is parked under it, even while hogs that checkpoint have all
// workers, and while hogs that do not checkpoint have all workers but one, because no timer belongs
// to a worker. (BenchmarkTimerLateness measures how late the wake-up is.)
func TestTimeBesideHogs(t *testing.T) {
	for _, workers := range []int{1, 2, 4} {
		s, err := scheduler.New(scheduler.WithWorkers(workers), scheduler.WithQuantum(time.Millisecond), scheduler.WithStallAfter(0))
		require.NoError(t, err)
		hung := time.AfterFunc(testkit.Patience, func() { panic(t.Name() + " hangs") })
		var stop atomic.Bool
		for i := range 3 * workers {
			polite := i >= workers-1
			s.Go(func(c *task.Ctx) {
				for !stop.Load() {
					if polite {
						c.Checkpoint()
					}
				}
			})
		}
		var fired atomic.Int32
		tsync.AfterFunc(s, time.Millisecond, func(*task.Ctx) { fired.Add(1) })
		s.GoAfter(time.Millisecond, func(*task.Ctx) { fired.Add(1) })
		every := s.GoEvery(time.Millisecond, func(c *task.Ctx) {
			if fired.Add(1); fired.Load() > 10 {
				c.Cancel()
			}
		})
		limited := s.Go(func(c *task.Ctx) { c.Park() }, task.Timeout(time.Millisecond))
		root := s.Go(func(c *task.Ctx) {
			for range 5 {
				ctx, cancel := task.WithTimeout(c, time.Millisecond)
				if _, _, err := tsync.NewChan[int](0).Recv(ctx); err != context.DeadlineExceeded {
					t.Errorf("Recv: %v", err)
				}
				cancel()
				if err := c.Sleep(time.Millisecond); err != nil {
					t.Errorf("Sleep: %v", err)
				}
				if _, _, err := tsync.After(c, time.Millisecond).Recv(c); err != nil {
					t.Errorf("After: %v", err)
				}
			}
			_ = every.WaitContext(c)
			if err := limited.WaitContext(c); err != context.DeadlineExceeded {
				t.Errorf("Timeout: %v", err)
			}
			stop.Store(true)
		})
		require.NoError(t, root.Wait())
		require.NoError(t, s.Close())
		hung.Stop()
	}
}

// A lockedContext is a user's context whose methods take a lock, as those of a request may.
type lockedContext struct {
	context.Context
	mu *tsync.Mutex
}

// Value implements context.Context.
func (g lockedContext) Value(key any) any {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.Context.Value(key)
}

// A lockedTeller is a lockedContext that passes the method AfterFunc of its context on.
type lockedTeller struct {
	lockedContext
	teller
}

type teller interface {
	AfterFunc(f func()) (stop func() bool)
}

// A timer of heddle ends a context under a user's context, while the only worker's tasks hold the
// lock that the methods of that context take. The worker must not wait for the lock, because the
// holder could not run then.
func TestDeadlineUnderAContextThatWaits(t *testing.T) {
	for name, begin := range map[string]func(s *scheduler.Scheduler, c *task.Ctx, g lockedContext, over *tsync.Event) context.Context{
		"WithTimeout": func(_ *scheduler.Scheduler, c *task.Ctx, g lockedContext, _ *tsync.Event) context.Context {
			return keep(task.WithTimeout(g, time.Second))
		},
		"WithTimeout of a derived context": func(_ *scheduler.Scheduler, c *task.Ctx, g lockedContext, _ *tsync.Event) context.Context {
			g.Context = keep(context.WithCancel(c))
			return keep(task.WithTimeout(g, time.Second))
		},
		"below WithTimeout": func(_ *scheduler.Scheduler, c *task.Ctx, g lockedContext, _ *tsync.Event) context.Context {
			g.Context = keep(task.WithTimeout(c, time.Second))
			return keep(context.WithCancel(lockedTeller{g, g.Context.(teller)}))
		},
		"Timeout": func(s *scheduler.Scheduler, c *task.Ctx, g lockedContext, over *tsync.Event) context.Context {
			g.Context = keep(context.WithCancel(context.Background()))
			x := make(chan context.Context, 1)
			s.Go(func(c *task.Ctx) { c.Done(); x <- c; over.Wait() }, task.Parent(g), task.Timeout(time.Second))
			c.Yield()
			return <-x
		},
		"below Timeout": func(s *scheduler.Scheduler, c *task.Ctx, g lockedContext, over *tsync.Event) context.Context {
			x := make(chan context.Context, 1)
			s.Go(func(c *task.Ctx) {
				g.Context = c
				x <- keep(context.WithCancel(lockedTeller{g, c}))
				over.Wait()
			}, task.Timeout(time.Second))
			c.Yield()
			return <-x
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, err := scheduler.New(scheduler.WithWorkers(1))
				require.NoError(t, err)
				var mu tsync.Mutex
				var over tsync.Event // the task that has a Timeout may end
				var ended error
				x := s.Go(func(c *task.Ctx) {
					ctx := begin(s, c, lockedContext{c, &mu}, &over)
					mu.Lock()
					_ = c.Sleep(2 * time.Second) // the context ends meanwhile
					mu.Unlock()
					_ = task.AwaitDone(c, ctx.Done())
					ended = ctx.Err()
					over.Set()
				})
				limit, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				require.NoError(t, x.WaitContext(limit))
				require.Equal(t, context.DeadlineExceeded, ended)
				require.NoError(t, s.Close())
			})
		})
	}
}
