package scheduler_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// awaitState waits until x is in state st.
func awaitState(x task.Task, st task.State) {
	testkit.Spin(func() bool { return x.State() == st })
}

// The four states, as a handle shows them.
func TestStates(t *testing.T) {
	s := open(t, 1)
	require.Equal(t, task.Done, task.Task{}.State())
	require.NoError(t, task.Task{}.Wait())
	var spin, up atomic.Bool
	spin.Store(true)
	hog := s.Go(func(c *task.Ctx) {
		up.Store(true)
		for spin.Load() {
		}
		c.Park()
	}, task.Name("hog"))
	for !up.Load() {
		runtime.Gosched()
	}
	require.Equal(t, task.Running, hog.State())
	require.Equal(t, `task "hog" (running)`, hog.String())
	x := s.Go(func(*task.Ctx) {})
	require.Equal(t, task.Runnable, x.State())
	spin.Store(false)
	awaitState(hog, task.Waiting)
	require.NoError(t, x.Wait())
	require.Equal(t, task.Done, x.State())
	hog.Ready()
	require.NoError(t, hog.Wait())
	require.Equal(t, task.Done, hog.State())
}

// Cancel reaches tasks in every state, and each operation that parks returns the cause.
func TestCancel(t *testing.T) {
	why := errors.New("why")
	for name, f := range map[string]func(c *task.Ctx) error{
		"Park":  func(c *task.Ctx) error { return c.Park() },
		"Sleep": func(c *task.Ctx) error { return c.Sleep(time.Hour) },
		"Join": func(c *task.Ctx) error {
			x := c.Go(func(c *task.Ctx) { c.Park() })
			defer x.Cancel()
			return x.WaitContext(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, 2)
			for _, cause := range []error{nil, why} {
				want := cause
				if want == nil {
					want = context.Canceled
				}
				var got, again error
				x := s.Go(func(c *task.Ctx) {
					got = f(c)
					again = c.Sleep(time.Hour)
				})
				awaitState(x, task.Waiting)
				x.CancelCause(cause)
				require.Equal(t, want, x.Wait())
				require.Equal(t, want, got)
				require.Equal(t, want, again, "later operations return at once")
			}
		})
	}
}

func TestCancelQueuedAndRunning(t *testing.T) {
	s := open(t, 1)
	var up atomic.Bool
	running := s.Go(func(c *task.Ctx) {
		up.Store(true)
		for !c.Cancelled() {
		}
	})
	for !up.Load() {
		runtime.Gosched()
	}
	queued := s.Go(func(*task.Ctx) { panic("ran") })
	queued.Cancel()
	running.Cancel()
	require.Equal(t, context.Canceled, queued.Wait())
	require.Equal(t, context.Canceled, running.Wait())
	var err error
	self := s.Go(func(c *task.Ctx) {
		c.Cancel()
		err = c.Park()
	})
	require.Equal(t, context.Canceled, self.Wait())
	require.Equal(t, context.Canceled, err)
}

// Cancels, wake-ups and timers meet on the same tasks; nothing is lost or resumed twice.
func TestCancelRaces(t *testing.T) {
	eachCount(t, []int{1, 2, 4}, func(t *testing.T, n int) {
		s := open(t, n)
		for range scale(3_000) {
			var out atomic.Int32
			target := s.Go(func(c *task.Ctx) { c.Park() })
			ts := []task.Task{
				target,
				s.Go(func(c *task.Ctx) { c.Park(); out.Add(1) }),
				s.Go(func(c *task.Ctx) { c.Sleep(time.Microsecond); out.Add(1) }),
				s.Go(func(c *task.Ctx) { target.WaitContext(c); out.Add(1) }),
				s.Go(func(c *task.Ctx) { c.Yield(); target.WaitContext(c); out.Add(1) }),
			}
			var wg sync.WaitGroup
			for i := len(ts) - 1; i >= 0; i-- {
				wg.Go(func() { ts[i].Ready(); ts[i].Cancel() })
			}
			wg.Wait()
			for _, x := range ts {
				x.Wait()
			}
		}
	})
}

func TestGoContext(t *testing.T) {
	type key struct{}
	s := open(t, 2)
	base := context.WithValue(context.Background(), key{}, 7)

	ctx, cancel := context.WithCancelCause(base)
	why := errors.New("why")
	x := s.GoContext(ctx, func(c *task.Ctx) {
		if c.Value(key{}) != 7 {
			panic("value")
		}
		c.Park()
	})
	awaitState(x, task.Waiting)
	cancel(why)
	require.Equal(t, why, x.Wait())

	x = s.GoContext(ctx, func(*task.Ctx) { panic("ran") })
	require.Equal(t, why, x.Wait(), "the context had ended already")

	soon, stop := context.WithTimeout(base, time.Millisecond)
	defer stop()
	x = s.GoContext(soon, func(c *task.Ctx) {
		if d, ok := c.Deadline(); !ok || d.IsZero() {
			panic("deadline")
		}
		c.Sleep(time.Hour)
	})
	require.ErrorIs(t, x.Wait(), context.DeadlineExceeded)

	// A context outlives its task without consequence.
	ctx2, cancel2 := context.WithCancel(base)
	x = s.GoContext(ctx2, func(*task.Ctx) {})
	require.NoError(t, x.Wait())
	cancel2()
	require.NoError(t, x.Err())
}

// The contexts derived from a task end when the task ends or is cancelled. So does the channel of
// Done.
func TestDerivedContexts(t *testing.T) {
	s := open(t, 2)
	ctxs := make(chan context.Context, 2)
	var stops []func() // called last, because the contexts must end without them
	defer func() {
		for _, stop := range stops {
			stop()
		}
	}()
	derive := func(c *task.Ctx) {
		if got, ok := task.From(context.WithoutCancel(c)); !ok || got != c {
			panic("From")
		}
		a, stopA := context.WithCancel(c)
		b, stopB := context.WithTimeout(c, time.Hour)
		ctxs <- a
		ctxs <- b
		stops = append(stops, stopA, stopB)
	}
	x := s.Go(derive)
	require.NoError(t, x.Wait())
	for range 2 {
		ctx := <-ctxs
		<-ctx.Done()
		require.ErrorIs(t, ctx.Err(), context.Canceled)
	}
	why := errors.New("why")
	x = s.Go(func(c *task.Ctx) {
		derive(c)
		done := c.Done()
		c.Park()
		<-done
	})
	a, b := <-ctxs, <-ctxs
	require.NoError(t, a.Err())
	x.CancelCause(why)
	<-a.Done()
	<-b.Done()
	require.ErrorIs(t, context.Cause(a), why)
	require.Equal(t, why, x.Wait())
}

// The channel of Done is closed even if a goroutine asks for it just as the task ends.
func TestDoneBesideTheEnd(t *testing.T) {
	s := open(t, 1)
	for range scale(20_000) {
		got := make(chan (<-chan struct{}), 1)
		var up atomic.Bool
		x := s.Go(func(c *task.Ctx) {
			go func() {
				up.Store(true)
				got <- c.Done()
			}()
			for !up.Load() {
			}
		})
		finish(t, "Done", func() { <-<-got })
		x.Wait()
	}
}

// A handle of a task that has ended says so for ever, and what is done with it does not touch the
// task that uses the descriptor now.
func TestStaleHandles(t *testing.T) {
	s := open(t, 1)
	old := map[task.Task]bool{}
	for range 1000 {
		x := s.Go(func(*task.Ctx) {})
		require.NoError(t, x.Wait())
		old[x] = true
	}
	require.Len(t, old, 1000, "handles are unique")
	var log errlog
	var live []task.Task
	for range 1000 {
		live = append(live, s.Go(func(c *task.Ctx) {
			log.check(c.Park() == nil, "a new life was cancelled")
			log.check(c.Park() == nil, "a new life was cancelled")
		}))
	}
	for _, x := range live {
		awaitState(x, task.Waiting)
	}
	for x := range old {
		x.Ready()
		x.Cancel()
		x.CancelCause(errors.New("stale"))
		require.Equal(t, task.Done, x.State())
		require.NoError(t, x.Err())
		require.NoError(t, x.Wait())
		require.Empty(t, x.Name())
	}
	for _, x := range live {
		require.Equal(t, task.Waiting, x.State())
		x.Ready()
	}
	for _, x := range live {
		awaitState(x, task.Waiting)
		x.Ready()
	}
	waitAll(t, live)
	log.require(t)
}

// A stale handle's cause does not become that of the life after, however close they are.
func TestStaleCauseRace(t *testing.T) {
	s := open(t, 1)
	stale := errors.New("stale")
	var stop atomic.Bool
	var last atomic.Pointer[task.Task]
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			if x := last.Load(); x != nil {
				x.CancelCause(stale)
			}
		}
	})
	for range scale(50_000) {
		x := s.Go(func(c *task.Ctx) {})
		last.Store(&x)
		y := s.Go(func(c *task.Ctx) { c.Cancel() })
		x.Wait()
		if err := y.Wait(); err == stale {
			t.Error("cancelled with a cause that was meant for another task")
			break
		}
	}
	stop.Store(true)
	wg.Wait()
}

func TestJoin(t *testing.T) {
	s := open(t, 2, scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {}))
	var log errlog
	root := s.Go(func(c *task.Ctx) {
		log.check(task.Task{}.WaitContext(c) == nil, "zero")
		log.check(task.Task(rt.Tasks.Refused(task.ErrClosed)).WaitContext(c) == task.ErrClosed, "closed")
		log.check(c.Task().WaitContext(c) != nil, "itself")
		done := c.Go(func(*task.Ctx) {})
		for done.State() != task.Done {
			c.Yield()
		}
		for range 2 {
			log.check(done.WaitContext(c) == nil, "ended")
		}
		var pe *task.PanicError
		log.check(errors.As(c.Go(func(*task.Ctx) { panic(1) }).WaitContext(c), &pe) && pe.Value == 1, "panic")
		log.check(c.Go(func(*task.Ctx) { runtime.Goexit() }).WaitContext(c) == task.ErrGoexit, "Goexit")
		x := c.Go(func(c *task.Ctx) { c.Park() })
		x.Cancel()
		log.check(x.WaitContext(c) == context.Canceled, "cancelled")
	})
	require.NoError(t, root.Wait())
	log.require(t)
}

// Wait parks a task on its only worker, and only the end of the awaited task ends the wait.
// WaitContext also ends with its context.
func TestWaitOnATask(t *testing.T) {
	s := open(t, 1)
	why := errors.New("why")
	var log errlog
	root := s.Go(func(c *task.Ctx) {
		log.check(task.Task{}.Wait() == nil, "the zero Task")
		log.check(c.Go(func(*task.Ctx) {}).Wait() == nil, "a task that had not begun")
		started := c.Go(func(c *task.Ctx) { c.Yield(); c.Yield() })
		c.Yield()
		log.check(started.Wait() == nil, "a task that had begun")
		log.check(c.Task().Wait() != nil, "itself")

		ctx, cancel := context.WithCancelCause(context.Background())
		stuck := c.Go(func(c *task.Ctx) { c.Park() })
		c.Go(func(*task.Ctx) { cancel(why) })
		log.check(errors.Is(stuck.WaitContext(ctx), why), "the context has ended")
		derived, stop := context.WithCancelCause(c)
		c.Go(func(*task.Ctx) { stop(why) })
		log.check(errors.Is(stuck.WaitContext(derived), why), "the derived context has ended")
		c.Go(func(*task.Ctx) { stuck.Ready() })
		log.check(stuck.WaitContext(context.WithoutCancel(c)) == nil, "it has ended")

		slow := c.Go(func(c *task.Ctx) { c.Park() })
		me := c.Task()
		c.Go(func(c *task.Ctx) {
			me.CancelCause(why)
			for range 10 {
				c.Yield()
			}
			slow.Ready()
		})
		log.check(slow.Wait() == nil && slow.State() == task.Done, "the cancelled task has not waited")
		log.check(errors.Is(c.Go(func(c *task.Ctx) { c.Yield() }).WaitContext(c), why), "the Ctx has ended")
	})
	require.ErrorIs(t, root.Wait(), why)
	log.require(t)
}

// Thousands wait for one task, half of them tasks, half goroutines; some give up.
func TestManyWaiters(t *testing.T) {
	s := open(t, 4)
	n := scale(20_000)
	target := s.Go(func(c *task.Ctx) { c.Park() })
	awaitState(target, task.Waiting)
	var ts []task.Task
	var woken, gaveUp atomic.Int64
	var wg sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	for i := range n {
		ts = append(ts, s.Go(func(c *task.Ctx) {
			if target.WaitContext(c) == nil && target.State() == task.Done {
				woken.Add(1)
			}
		}))
		wg.Go(func() {
			if i%4 != 0 {
				if target.Wait() == nil && target.State() == task.Done {
					woken.Add(1)
				}
			} else if errors.Is(target.WaitContext(ctx), context.Canceled) {
				gaveUp.Add(1)
			}
		})
	}
	for _, x := range ts {
		awaitState(x, task.Waiting)
	}
	cancel()
	for gaveUp.Load() < int64(n+3)/4 {
		runtime.Gosched()
	}
	target.Ready()
	finish(t, "waiters", func() { waitAll(t, ts); wg.Wait() })
	require.EqualValues(t, 2*n-(n+3)/4, woken.Load())
}

func TestWaitContext(t *testing.T) {
	s := open(t, 1)
	why := errors.New("why")
	ctx, cancel := context.WithCancelCause(context.Background())
	x := s.Go(func(c *task.Ctx) { c.Park() })
	awaitState(x, task.Waiting)
	cancel(why)
	require.Equal(t, why, x.WaitContext(ctx))
	require.Equal(t, task.Waiting, x.State())
	x.Ready()
	require.NoError(t, x.WaitContext(context.Background()))
	require.NoError(t, x.WaitContext(ctx), "an end beats a context")
}

// The first cancellation decides the cause; a later one does not change what the task and others
// have already seen.
func TestFirstCauseStays(t *testing.T) {
	s := open(t, 1)
	x := s.Go(func(c *task.Ctx) { c.Park() })
	x.Cancel()
	x.CancelCause(errors.New("too late"))
	require.ErrorIs(t, x.Wait(), context.Canceled)
	y := s.Go(func(c *task.Ctx) {
		c.Task().Cancel()
		c.Task().CancelCause(errors.New("too late"))
	})
	require.ErrorIs(t, y.Wait(), context.Canceled)
}
