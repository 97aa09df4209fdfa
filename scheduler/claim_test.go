package scheduler_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// noPreemption are options for tests of the order in which tasks run: no task is asked to give way,
// however slow the machine is.
var noPreemption = []scheduler.Option{scheduler.WithQuantum(scheduler.MaxQuantum), scheduler.WithStallAfter(0)}

// If a task joins one that has not begun, that one runs next, before all queued tasks, and the
// joiner goes on when it has ended.
func TestWaitRunsTheTaskNext(t *testing.T) {
	for name, under := range waits {
		t.Run(name, func(t *testing.T) {
			s := open(t, 1, noPreemption...)
			var got []int
			root := s.Go(func(c *task.Ctx) {
				ctx, cancel := under(c)
				defer cancel()
				var ts []task.Task
				for i := range 10 {
					ts = append(ts, c.Go(func(*task.Ctx) { got = append(got, i) }))
				}
				for _, i := range []int{3, 9, 0, 5} {
					if ctx == nil {
						_ = ts[i].Wait()
					} else {
						_ = ts[i].WaitContext(ctx)
					}
					got = append(got, -i)
				}
			})
			require.NoError(t, root.Wait())
			finish(t, "Shutdown", func() { _ = s.Shutdown(t.Context()) })
			require.Equal(t, []int{3, -3, 9, -9, 0, 0, 5, -5, 1, 2, 4, 6, 7, 8}, got)
		})
	}
}

// waits are the contexts under which a task can wait; nil stands for Wait.
var waits = map[string]func(c *task.Ctx) (context.Context, context.CancelFunc){
	"Wait": func(c *task.Ctx) (context.Context, context.CancelFunc) { return nil, func() {} },
	"own":  func(c *task.Ctx) (context.Context, context.CancelFunc) { return c, func() {} },
	"none": func(c *task.Ctx) (context.Context, context.CancelFunc) { return context.WithoutCancel(c), func() {} },
	"derived": func(c *task.Ctx) (context.Context, context.CancelFunc) {
		return context.WithCancel(c)
	},
	"other": func(c *task.Ctx) (context.Context, context.CancelFunc) {
		return context.WithCancel(context.Background())
	},
}

// The wait for a Future does so too.
func TestFutureWaitRunsTheTaskNext(t *testing.T) {
	for name, under := range waits {
		t.Run(name, func(t *testing.T) {
			s := open(t, 1, noPreemption...)
			var got []int
			root := s.Go(func(c *task.Ctx) {
				ctx, cancel := under(c)
				defer cancel()
				var fs []*task.Future[int]
				for i := range 6 {
					fs = append(fs, task.Submit(c, func(*task.Ctx) (int, error) { got = append(got, i); return i, nil }))
				}
				for _, i := range []int{2, 5, 0} {
					var v int
					if ctx == nil {
						v, _ = fs[i].Wait()
					} else {
						v, _ = fs[i].WaitContext(ctx)
					}
					got = append(got, -v)
				}
			})
			require.NoError(t, root.Wait())
			finish(t, "Shutdown", func() { _ = s.Shutdown(t.Context()) })
			require.Equal(t, []int{2, -2, 5, -5, 0, 0, 1, 3, 4}, got)
		})
	}
}

// The wait for the latest members of a group does so too, for the task that made it.
func TestWaitsRunTheirTasksNext(t *testing.T) {
	s := open(t, 1, noPreemption...)
	var got []int
	root := s.Go(func(c *task.Ctx) {
		for i := range 10 {
			c.Go(func(*task.Ctx) { got = append(got, i) })
		}
		f := task.Submit(c, func(*task.Ctx) (int, error) { got = append(got, 100); return 0, nil })
		g := task.NewGroup(c)
		for i := range 3 {
			_ = g.GoContext(c, func(*task.Ctx) error { got = append(got, 200+i); return nil })
		}
		c.Go(func(*task.Ctx) { got = append(got, 10) })
		_, _ = f.WaitContext(c)
		got = append(got, -1)
		_ = g.WaitContext(c)
		got = append(got, -2)
		h, ctx := task.NewGroupContext(c, c)
		for i := range 3 {
			_ = h.GoContext(c, func(*task.Ctx) error { got = append(got, 300+i); return nil })
		}
		_ = h.Wait()
		got = append(got, -3)
		_ = ctx
		var zero task.Group
		for i := range 3 {
			zero.Go(func(*task.Ctx) error { got = append(got, 400+i); return nil })
		}
		_ = zero.Wait()
		got = append(got, -4)
	})
	require.NoError(t, root.Wait())
	finish(t, "Shutdown", func() { _ = s.Shutdown(t.Context()) })
	require.Equal(t, []int{100, -1, 200, 201, 202, -2, 300, 301, 302, -3, 400, 401, 402, -4}, got[:14])
	require.Len(t, got, 25)
}

// A group whose members have not begun is waited for no longer than until the waiter is cancelled.
func TestGroupWaitIsCancelled(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		s := open(t, n)
		stop := errors.New("stop")
		var ended atomic.Int32
		parent := s.Go(func(c *task.Ctx) {
			self := c.Task()
			ch := tsync.NewChan[int](0)
			g := task.NewGroup(c)
			for range 4 {
				// Not GoContext(c): the first member may have cancelled c before the last is added.
				g.Go(func(c *task.Ctx) error {
					self.CancelCause(stop)
					_, _, err := ch.Recv(c)
					ended.Add(1)
					return err
				})
			}
			if err := g.WaitContext(c); err != stop {
				panic(fmt.Sprint("Wait of the cancelled task returned ", err))
			}
			for range 4 {
				if err := ch.Send(context.WithoutCancel(c), 1); err != nil {
					panic(err)
				}
			}
			if err := g.Wait(); err != nil {
				panic(err)
			}
		})
		finish(t, "the parent", func() { _ = parent.Wait() })
		require.Equal(t, stop, parent.Err())
		require.EqualValues(t, 4, ended.Load())
	}
}

// A child that ran because its parent waits for it is a task like others: it parks. If the parent
// is cancelled, the parent goes on at once and can do what the child waits for.
func TestJoinOfARunningChildIsCancelled(t *testing.T) {
	for _, n := range []int{1, 2, 4} {
		s := open(t, n)
		stop := errors.New("stop")
		ch := tsync.NewChan[int](0)
		var child task.Task
		parent := s.Go(func(c *task.Ctx) {
			self := c.Task()
			child = c.Go(func(c *task.Ctx) {
				self.CancelCause(stop)
				if v, _, err := ch.Recv(c); v != 1 || err != nil {
					panic(fmt.Sprint(v, err))
				}
			})
			if err := child.WaitContext(c); err != stop {
				panic(fmt.Sprint("Join of the cancelled task returned ", err))
			}
			if err := ch.Send(context.WithoutCancel(c), 1); err != nil {
				panic(err)
			}
		})
		finish(t, "the parent", func() { _ = parent.Wait() })
		finish(t, "the child", func() { _ = child.Wait() })
		require.Equal(t, stop, parent.Err())
		require.NoError(t, child.Err())
	}
}

// The end of a child that its waiter had run is that of any task.
func TestJoinSeesTheChildsEnd(t *testing.T) {
	s := open(t, 1, scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {}))
	root := s.Go(func(c *task.Ctx) {
		var pe *task.PanicError
		if err := c.Go(func(*task.Ctx) { panic("boom") }).WaitContext(c); !errors.As(err, &pe) || pe.Value != "boom" {
			panic(fmt.Sprint("a panic: ", err))
		}
		for range 200 { // more than a fiber stands
			if err := c.Go(func(*task.Ctx) { runtime.Goexit() }).WaitContext(c); err != task.ErrGoexit {
				panic(fmt.Sprint("a Goexit: ", err))
			}
		}
		x := c.Go(func(*task.Ctx) { panic("it was cancelled") })
		x.Cancel()
		if err := x.WaitContext(c); err != context.Canceled {
			panic(fmt.Sprint("a cancelled task: ", err))
		}
	})
	finish(t, "the joins", func() { _ = root.Wait() })
	require.NoError(t, root.Err())
}

// If a task waits for a task of another scheduler that has not begun, its own worker does not run
// that task.
func TestJoinAcrossSchedulersParks(t *testing.T) {
	a, b := open(t, 1), open(t, 1)
	var hogs, sawHog atomic.Bool
	var child task.Task
	started := make(chan struct{})
	var waiter atomic.Pointer[task.Task]
	hog := a.Go(func(c *task.Ctx) {
		hogs.Store(true)
		child = c.Go(func(*task.Ctx) { sawHog.Store(hogs.Load()) })
		close(started)
		// The only worker of a is busy for some time after the wait has begun.
		for more := 1_000_000; more > 0; {
			if x := waiter.Load(); x != nil && x.State() != task.Running && x.State() != task.Runnable {
				more--
			}
		}
		hogs.Store(false)
	})
	<-started
	y := b.Go(func(c *task.Ctx) { _ = child.WaitContext(c) })
	waiter.Store(&y)
	finish(t, "Join", func() { waitAll(t, []task.Task{hog, child, y}) })
	require.False(t, sawHog.Load(), "the task has run while its scheduler's only worker was busy")
}

// Trees of tasks that wait for their children in all orders, twice, after yields and parks, run
// each task once, while the scheduler is paused, resized and used otherwise.
func TestTreesOfJoins(t *testing.T) {
	for _, workers := range []int{1, 2, 4, 8, 64} {
		for _, what := range []string{"nothing", "Resize", "Pause", "cancel", "Close"} {
			t.Run(fmt.Sprint(workers, what), func(t *testing.T) { treesOfJoins(t, workers, what) })
		}
	}
}

func treesOfJoins(t *testing.T, workers int, what string) {
	s := open(t, workers)
	const children = 4
	depth := 6
	if testing.Short() {
		depth = 5
	}
	nodes := 0
	for level, n := 0, 1; level <= depth; level, n = level+1, n*children {
		nodes += n
	}
	var ran [1 << 13]atomic.Int32
	var log errlog
	var node func(c *task.Ctx, at, level int)
	node = func(c *task.Ctx, at, level int) {
		log.check(ran[at].Add(1) == 1, "node %d has run twice", at)
		if at%7 == 3 {
			c.Yield()
		}
		if level == depth {
			return
		}
		var ts [children]task.Task
		var opt []task.Option
		if at%11 == 5 {
			opt = append(opt, task.Priority(task.Low))
		}
		for i := range ts {
			ts[i] = c.Go(func(c *task.Ctx) { node(c, at*children+i+1, level+1) }, opt...)
		}
		if at%5 == 1 {
			c.Go(func(c *task.Ctx) { _ = ts[0].WaitContext(c) }) // a second waiter
		}
		for i := range ts {
			switch at % 3 {
			case 1:
				i = children - 1 - i
			case 2:
				i = (i + 2) % children
			}
			if err := ts[i].WaitContext(c); err == nil {
				log.check(what == "cancel" || what == "Close" || ran[at*children+i+1].Load() == 1, "node %d was joined and has not run", at*children+i+1)
			}
		}
	}
	root := s.Go(func(c *task.Ctx) { node(c, 0, 0) })
	switch what {
	case "Resize":
		for i := range 20 {
			_ = s.Resize(1 + i%3*workers/2 + i%2)
			runtime.Gosched()
		}
	case "Pause":
		for range 5 {
			finish(t, "Pause", func() { _ = s.Pause(context.Background()) })
			s.Resume()
		}
	case "cancel":
		for ran[1].Load() == 0 && root.State() != task.Done {
			runtime.Gosched()
		}
		root.Cancel()
	case "Close":
		for ran[1].Load() == 0 && root.State() != task.Done {
			runtime.Gosched()
		}
		finish(t, "Close", func() { s.Close() })
	}
	finish(t, "the tree", func() { _ = root.Wait() })
	finish(t, "Shutdown", func() { _ = s.Shutdown(context.Background()) })
	log.require(t)
	if what == "nothing" || what == "Resize" || what == "Pause" {
		for i := range nodes {
			require.EqualValues(t, 1, ran[i].Load(), "node %d", i)
		}
	}
}

// A stolen call ends by the Goexit with which its fiber is retired, and hands on the task that
// joins it.
func TestHandedOnByTheLastGoexit(t *testing.T) {
	for before := 55; before <= 70; before++ {
		s := open(t, 1)
		var joined, started atomic.Bool
		call := parallel.Define(func(c *task.Ctx, _ int) int {
			h := c.Task()
			joins := c.Go(func(c *task.Ctx) { _ = h.WaitContext(c); joined.Store(true) })
			started.Store(true)
			for joins.State() != task.Waiting {
				c.Yield()
			}
			runtime.Goexit()
			return 0
		})
		x := s.Go(func(c *task.Ctx) {
			for range before {
				_ = c.Go(func(*task.Ctx) { runtime.Goexit() }).WaitContext(c)
			}
			f := call.Fork(c, 1)
			for !started.Load() {
				c.Yield()
			}
			f.Join(c) // it calls Goexit, as the call did
		})
		finish(t, "the join", func() {
			require.ErrorIs(t, x.Wait(), task.ErrGoexit)
			require.NoError(t, s.Shutdown(context.Background()))
		})
		require.True(t, joined.Load())
	}
}

// Tasks each of which starts the next and ends keep the worker, but submissions have their turns.
func TestFairnessToSubmissionsBesideAChain(t *testing.T) {
	const submissions, fair = 100, 61
	s := open(t, 1, scheduler.WithStallAfter(0), scheduler.WithQuantum(scheduler.MaxQuantum))
	var links, last int64
	var ran int
	var link func(c *task.Ctx)
	link = func(c *task.Ctx) {
		if links++; ran < submissions {
			c.Go(link)
		}
	}
	x := s.Go(func(c *task.Ctx) {
		c.Go(link)
		for range submissions {
			s.Go(func(*task.Ctx) { ran++; last = links })
		}
	})
	finish(t, "the chain", func() {
		require.NoError(t, x.Wait())
		require.NoError(t, s.Shutdown(context.Background()))
	})
	require.LessOrEqual(t, last, int64(2*fair*(submissions+2)))
}

// A task that was preempted has used up the quantum of its chain, so the queue has its turn.
func TestPreemptionEndsTheChain(t *testing.T) {
	const older = 8
	s := open(t, 1, scheduler.WithStallAfter(0), scheduler.WithQuantum(scheduler.MaxQuantum))
	var links, ran int
	var link func(c *task.Ctx)
	link = func(c *task.Ctx) {
		if links++; ran < older {
			c.Go(link)
		}
		(*rt.Life)(c).Task().Flag().Ask((*rt.Life)(c).Task().Worker().Dispatch.Load())
		c.Checkpoint()
	}
	x := s.Go(func(c *task.Ctx) {
		for range older {
			c.Go(func(*task.Ctx) { ran++ })
		}
		c.Go(link)
	})
	finish(t, "the chain", func() {
		require.NoError(t, x.Wait())
		require.NoError(t, s.Shutdown(context.Background()))
	})
	require.LessOrEqual(t, links, 4*older)
}

// Queued tasks that use up their quanta do not keep the newest child from running after its chain
// has ended.
func TestPreemptionsLeaveTheChildItsTurn(t *testing.T) {
	s := open(t, 1, scheduler.WithStallAfter(0), scheduler.WithQuantum(scheduler.MinQuantum))
	var ran bool
	turns, waited := 0, 0
	var link func(n int) func(c *task.Ctx)
	link = func(n int) func(c *task.Ctx) {
		return func(c *task.Ctx) {
			if n < 31 { // at the 32nd the clock is read, for the second time
				c.Go(link(n + 1))
				return
			}
			for begin := time.Now(); time.Since(begin) < 2*scheduler.MinQuantum; {
			}
			self, before := c.Task(), turns
			c.Go(func(c *task.Ctx) { ran = true; c.Ready(self) })
			_ = c.Park()
			waited = turns - before
		}
	}
	x := s.Go(func(c *task.Ctx) {
		for range 2 {
			c.Go(func(c *task.Ctx) {
				for ; !ran && turns < 1000; turns++ {
					(*rt.Life)(c).Task().Flag().Ask((*rt.Life)(c).Task().Worker().Dispatch.Load())
					c.Checkpoint()
				}
			})
		}
		c.Yield()
		c.Go(link(1))
	})
	finish(t, "the child", func() {
		require.NoError(t, x.Wait())
		require.NoError(t, s.Shutdown(context.Background()))
	})
	require.LessOrEqual(t, waited, 10)
}
