package wait_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/wait"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A place is where a wait is: start runs f there, under a context of its own, and returns a channel
// that is closed when f has ended.
type place struct {
	name  string
	start func(s *scheduler.Scheduler, f func(own context.Context)) (ended <-chan struct{})
}

var places = []place{
	{"task", func(s *scheduler.Scheduler, f func(own context.Context)) <-chan struct{} {
		ended := make(chan struct{})
		s.Go(func(c *task.Ctx) { defer close(ended); f(c) })
		return ended
	}},
	{"goroutine", func(_ *scheduler.Scheduler, f func(own context.Context)) <-chan struct{} {
		ended := make(chan struct{})
		go func() { defer close(ended); f(bg) }()
		return ended
	}},
}

// bounds are the kinds of contexts that a wait can be under. own is the waiting task's, or
// context.Background().
var bounds = map[string]func(own, other context.Context) (ctx context.Context, end func()){
	"its own": func(own, _ context.Context) (context.Context, func()) {
		if c, ok := own.(*task.Ctx); ok {
			return c, c.Task().Cancel // the Ctx may be another task's once this one has ended
		}
		return context.WithCancel(own)
	},
	"derived": func(own, _ context.Context) (context.Context, func()) {
		ctx, end := context.WithCancelCause(own)
		return ctx, func() { end(errStop) }
	},
	"with a deadline": func(own, _ context.Context) (context.Context, func()) { return task.WithTimeout(own, time.Hour) },
	"another task's": func(_, other context.Context) (context.Context, func()) {
		x := other.(*task.Ctx).Task()
		return other, func() { x.CancelCause(errStop) }
	},
	"below its own": func(own, _ context.Context) (context.Context, func()) {
		ctx, end := context.WithCancel(own)
		if c, ok := own.(*task.Ctx); ok {
			x := c.Task()
			return ctx, func() { x.Cancel(); end() }
		}
		return ctx, func() { end() }
	},
	"of no task": func(_, _ context.Context) (context.Context, func()) {
		ctx, end := context.WithCancelCause(bg)
		return ctx, func() { end(errStop) }
	},
	"endless": func(_, _ context.Context) (context.Context, func()) { return bg, func() {} },
}

// A slot holds one waiter, under a lock: the way of WaitIn.
type slot struct {
	mu sync.Mutex
	w  *wait.Waiter
}

func (q *slot) put(w *wait.Waiter) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.w = w
}

// take takes the waiter out, and returns whether there was one.
func (q *slot) take() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	was := q.w != nil
	q.w = nil
	return was
}

func (q *slot) Withdraw() bool { return q.take() }

// A wait gets its event exactly if a claim succeeds, at most one of which does; otherwise it
// returns the cause, and no later claim succeeds. That holds for both ways to claim, for tasks and
// for goroutines, under all kinds of contexts.
func TestClaimAgainstTheEnd(t *testing.T) {
	const rounds = 40
	s := open(t, 2)
	for _, at := range places {
		for name, bound := range bounds {
			for _, way := range []string{"Claim", "Withdrawer"} {
				t.Run(fmt.Sprint(at.name, " ", name, " ", way), func(t *testing.T) {
					for round := range rounds {
						claimAgainstTheEnd(t, s, at, bound, way == "Withdrawer", round%3, nil)
					}
				})
			}
		}
	}
}

// A wait that was claimed, and whose context ends before its Wake, sees the end and goes on
// waiting, for the Wake.
func TestClaimedAwaitsItsWake(t *testing.T) {
	for _, at := range places {
		for name, bound := range bounds {
			for _, way := range []string{"Claim", "Withdrawer"} {
				t.Run(fmt.Sprint(at.name, " ", name, " ", way), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						claimAgainstTheEnd(t, open(t, 2), at, bound, way == "Withdrawer", endBetween, synctest.Wait)
					})
				})
			}
		}
	}
}

const (
	claimFirst = iota
	endFirst
	together
	endBetween // of a claim and its Wake
)

func claimAgainstTheEnd(t *testing.T, s *scheduler.Scheduler, at place,
	bound func(own, other context.Context) (context.Context, func()), queued bool, order int, awaitWait func()) {
	otherCtx, release := make(chan context.Context, 1), make(chan struct{})
	x := s.Go(func(c *task.Ctx) { otherCtx <- c; _, _, _ = task.Receive(bg, release) })
	other := <-otherCtx
	var (
		w     wait.Waiter
		q     slot
		ctx   context.Context
		end   func()
		err   error
		known = make(chan struct{})
	)
	ended := at.start(s, func(own context.Context) {
		ctx, end = bound(own, other)
		if queued {
			d, enterErr := enter(ctx)
			assert.NoError(t, enterErr)
			w.Prepare(ctx, d)
			q.put(&w)
		} else {
			w.Init(ctx)
		}
		close(known)
		if queued {
			err = w.WaitIn(&q)
		} else {
			err = w.Wait()
		}
	})
	<-known
	var claims atomic.Int32
	claimAnd := func(then func()) {
		if queued && q.take() || !queued && w.Claim() {
			claims.Add(1)
			then()
			w.Wake(nil)
		}
	}
	claim := func() { claimAnd(func() {}) }
	switch order {
	case claimFirst:
		claim()
		require.EqualValues(t, 1, claims.Load(), "the first claim")
		end()
	case endBetween:
		awaitWait() // it waits
		claimAnd(func() { end(); awaitWait() })
		require.EqualValues(t, 1, claims.Load(), "the first claim")
	case endFirst:
		if end(); ctx.Done() == nil {
			claim()
		}
	case together:
		var all sync.WaitGroup
		all.Go(claim)
		all.Go(end)
		all.Go(claim)
		all.Wait()
	}
	<-ended
	cause := context.Cause(ctx)
	claim()
	if claims.Load() == 1 {
		require.NoError(t, err)
	} else {
		require.Zero(t, claims.Load())
		require.NotNil(t, cause)
		require.Equal(t, cause, err)
	}
	end()
	close(release)
	_ = x.Wait()
}

// After a wait has ended by its context, a Wake for it does not come: the next waits of the task
// are not disturbed.
func TestTheNextWaitIsNotDisturbed(t *testing.T) {
	s := open(t, 2)
	for name, bound := range bounds {
		if name == "endless" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			var next wait.Waiter
			known := make(chan struct{})
			var woken atomic.Bool
			otherCtx, release := make(chan context.Context, 1), make(chan struct{})
			s.Go(func(c *task.Ctx) { otherCtx <- c; _, _, _ = task.Receive(bg, release) })
			other := <-otherCtx
			x := s.Go(func(own *task.Ctx) {
				for range 50 {
					ctx, end := bound(own, other)
					var w wait.Waiter
					w.Init(ctx)
					go end()
					assert.Error(t, w.Wait())
					if name == "its own" || name == "below its own" || name == "another task's" {
						break
					}
				}
				next.Init(bg)
				close(known)
				assert.NoError(t, next.Wait())
				assert.True(t, woken.Load(), "woken by nothing")
			})
			<-known
			untilWaiting(x)
			woken.Store(true)
			require.True(t, next.Claim())
			next.Wake(nil)
			_ = x.Wait()
			close(release)
		})
	}
}

// Wake reaches its waiter whatever it is told about the caller.
func TestWakeBy(t *testing.T) {
	s, far := open(t, 2), open(t, 1)
	for _, at := range places {
		for name, by := range map[string]func(c, other *task.Ctx) *rt.Task{
			"itself":  func(c, _ *task.Ctx) *rt.Task { return desc(c) },
			"none":    func(_, _ *task.Ctx) *rt.Task { return nil },
			"another": func(_, other *task.Ctx) *rt.Task { return desc(other) },
		} {
			for from, waker := range map[string]*scheduler.Scheduler{"the same scheduler": s, "another scheduler": far} {
				t.Run(at.name+" "+name+" "+from, func(t *testing.T) {
					otherCtx, release := make(chan *task.Ctx, 1), make(chan struct{})
					x := s.Go(func(c *task.Ctx) { otherCtx <- c; _, _, _ = task.Receive(bg, release) })
					other := <-otherCtx
					for range 20 {
						var w wait.Waiter
						known := make(chan struct{})
						ended := at.start(s, func(context.Context) {
							w.Init(bg)
							close(known)
							assert.NoError(t, w.Wait())
						})
						<-known
						require.NoError(t, waker.Go(func(c *task.Ctx) {
							assert.True(t, w.Claim())
							w.Wake(by(c, other))
						}).Wait())
						<-ended
					}
					close(release)
					require.NoError(t, x.Wait())
				})
			}
		}
	}
}

// A task that is woken by a task of its scheduler runs next, before older tasks of that worker.
func TestWokenRunsNext(t *testing.T) {
	for _, told := range []bool{true, false} {
		for preempted := true; preempted; {
			s, err := scheduler.New(scheduler.WithWorkers(1), scheduler.WithQuantum(scheduler.MaxQuantum))
			require.NoError(t, err)
			var order []string
			err = s.Go(func(c *task.Ctx) {
				var w wait.Waiter
				var g task.Group
				g.Go(func(*task.Ctx) error {
					w.Init(bg)
					err := w.Wait()
					order = append(order, "woken")
					return err
				})
				c.Yield() // until that waits
				for range 3 {
					g.Go(func(*task.Ctx) error { order = append(order, "older"); return nil })
				}
				assert.True(t, w.Claim())
				by := desc(c)
				if !told {
					by = nil
				}
				w.Wake(by)
				c.Yield()
				assert.NoError(t, g.Wait())
			}).Wait()
			require.NoError(t, err)
			require.NoError(t, s.Close())
			if preempted = s.Stats().Preemptions > 0; !preempted { // which would change the order
				require.Equal(t, []string{"woken", "older", "older", "older"}, order)
			}
		}
	}
}

// WakeCounted counts a goroutine that it wakes, and that goroutine takes itself off.
func TestWakeCounted(t *testing.T) {
	s := open(t, 1)
	var home *rt.Shared
	require.NoError(t, s.Go(func(c *task.Ctx) { home = desc(c).Shared() }).Wait())
	for _, wait1 := range []func(w *wait.Waiter){
		func(w *wait.Waiter) { require.NoError(t, w.Wait()) },
		func(w *wait.Waiter) { w.WaitWoken() },
	} {
		var w wait.Waiter
		w.Init(bg)
		require.True(t, w.Claim())
		before := home.ReadyGoroutines.Load()
		w.WakeCounted(home) // as a worker does
		require.Equal(t, before+1, home.ReadyGoroutines.Load())
		wait1(&w)
		// Other goroutines of the scheduler are owed a P as well.
		for home.ReadyGoroutines.Load() != 0 {
			runtime.Gosched()
		}
	}
	for _, at := range places[:1] {
		var w wait.Waiter
		known := make(chan struct{})
		ended := at.start(s, func(context.Context) {
			w.Prepare(bg, rt.Current())
			close(known)
			w.WaitWoken()
		})
		<-known
		w.WakeCounted(home)
		<-ended
	}
	for home.ReadyGoroutines.Load() != 0 {
		runtime.Gosched()
	}
}

// AwaitEnd has the end of a task claim the waiter, unless that has ended.
func TestAwaitEnd(t *testing.T) {
	s := open(t, 2)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		ctx, cancel := context.WithCancelCause(c)
		wait1 := func(x task.Task) (waited bool, err error) {
			var w wait.Waiter
			w.Prepare(ctx, desc(c))
			w.Reason, w.End = rt.WaitJoin, rt.Handle(x)
			if !w.AwaitEnd() {
				return false, nil
			}
			return true, w.Wait()
		}
		waits, begun := c.Task(), make(chan struct{})
		x := c.Go(func(c *task.Ctx) { _, _, _ = task.Receive(c, begun) })
		go func() { untilWaiting(waits); close(begun) }()
		waited, err := wait1(x)
		assert.True(t, waited)
		assert.NoError(t, err)
		assert.Equal(t, task.Done, x.State())
		waited, _ = wait1(x)
		assert.False(t, waited, "it has ended")

		release := make(chan struct{})
		x = c.Go(func(c *task.Ctx) { _, _, _ = task.Receive(c, release) })
		go func() { untilWaiting(waits); cancel(errStop) }()
		waited, err = wait1(x)
		assert.True(t, waited)
		assert.Equal(t, errStop, err)
		close(release)
		assert.NoError(t, x.Wait())
	}).Wait())
}

// A stubborn context does not stop what watches over it: its end may come together with the event.
type stubborn struct {
	context.Context
	done chan struct{}
	f    func(l *rt.Late)
}

func (x *stubborn) Done() <-chan struct{} { return x.done }

func (x *stubborn) Value(key any) any {
	if key == (wait.TellerKey{}) {
		return x
	}
	return x.Context.Value(key)
}

func (x *stubborn) Register(f func(l *rt.Late)) (stop func() bool, ok bool) {
	x.f = f
	return func() bool { return false }, true
}

// A waiter can be used again, unless the watch over its context may still hold it, or it is a
// goroutine's.
func TestReusable(t *testing.T) {
	onTask(t, func(c *task.Ctx) {
		ctx, cancel := context.WithCancel(c)
		defer cancel()
		var w wait.Waiter
		for _, under := range []context.Context{c, bg, ctx, c} {
			w.Init(under)
			assert.Equal(t, under == context.Context(c), w.Own())
			assert.True(t, w.Task() == desc(c))
			c.Go(func(c *task.Ctx) {
				assert.True(t, w.Claim())
				w.Wake(desc(c))
			})
			assert.NoError(t, w.Wait())
			assert.True(t, w.Reusable(), "%v", under)
			assert.False(t, w.Claim())
		}
		x := &stubborn{Context: bg, done: make(chan struct{})}
		w.Init(x)
		c.Go(func(c *task.Ctx) {
			assert.True(t, w.Claim())
			w.Wake(desc(c))
			x.f(nil) // comes too late
		})
		assert.NoError(t, w.Wait())
		assert.False(t, w.Reusable())

		w = wait.Waiter{}
		w.Init(x)
		c.Go(func(*task.Ctx) { x.f(nil) })
		assert.Equal(t, context.Canceled, w.Wait(), "the end has claimed it")
		assert.False(t, w.Claim())
		assert.True(t, w.Reusable(), "nothing holds it any more")
	})
	var w wait.Waiter
	w.Init(bg)
	require.Nil(t, w.Task())
	require.True(t, w.Claim())
	w.Wake(nil)
	require.NoError(t, w.Wait())
	require.False(t, w.Reusable())
}

// A goroutine's wait in a synctest bubble is one of the bubble: it is durable, goes by the bubble's
// clock, and is woken from inside.
func TestGoroutinesInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w wait.Waiter
		ctx, cancel := context.WithTimeout(bg, time.Hour)
		defer cancel()
		begin := time.Now()
		w.Init(ctx)
		require.Equal(t, context.DeadlineExceeded, w.Wait())
		require.Equal(t, time.Hour, time.Since(begin))
		require.False(t, w.Claim())

		// A task and a goroutine wake each other.
		s, err := scheduler.New(scheduler.WithWorkers(2))
		require.NoError(t, err)
		for _, waiting := range places {
			for _, waking := range places {
				for _, withdrawer := range []bool{false, true} {
					var w wait.Waiter
					var q slot
					ended := waiting.start(s, func(context.Context) {
						w.Prepare(bg, rt.Current())
						q.put(&w)
						if withdrawer {
							assert.NoError(t, w.WaitIn(&q))
						} else {
							assert.NoError(t, w.Wait())
						}
					})
					synctest.Wait() // until it waits, durably
					select {
					case <-ended:
						t.Fatal("woken by nothing")
					default:
					}
					<-waking.start(s, func(context.Context) {
						if assert.True(t, withdrawer && q.take() || !withdrawer && w.Claim()) {
							w.Wake(nil)
						}
					})
					<-ended
				}
			}
		}
		require.NoError(t, s.Close())
	})
}
