package scheduler_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
	"github.com/heddle-go/heddle/task/tsync"
)

// An asked is one operation with a Ctx that may be another task's. It does not wait for ever,
// because a goroutine brings its event about. If it panics, the value is one of heddle's sentences.
type asked struct {
	name string
	f    func(c *task.Ctx)
}

func add(a, b int) int { return a + b }

var doubled = parallel.Define(func(c *task.Ctx, n int) int {
	c.Checkpoint()
	return 2 * n
})

func meanwhile(f func()) { go f() }

func operations() (all []asked) {
	op := func(name string, f func(c *task.Ctx)) { all = append(all, asked{name, f}) }
	op("Go", func(c *task.Ctx) { _ = c.Go(func(c *task.Ctx) { c.Yield() }).Wait() })
	op("Yield", func(c *task.Ctx) { c.Yield() })
	op("Sleep", func(c *task.Ctx) { _ = c.Sleep(1) })
	op("Sleep(0)", func(c *task.Ctx) { _ = c.Sleep(0) })
	op("task.Sleep", func(c *task.Ctx) { _ = task.Sleep(c, 1) })
	op("Park", func(c *task.Ctx) {
		if me, ok := task.Current(); ok {
			meanwhile(me.Task().Ready)
		}
		_ = c.Park()
	})
	op("Ready", func(c *task.Ctx) { c.Ready(c.Task()) })
	op("Checkpoint", func(c *task.Ctx) {
		for range 2_000 {
			c.Checkpoint()
		}
	})
	op("Cancelled", func(c *task.Ctx) { c.Cancelled() })
	op("Blocking", func(c *task.Ctx) { _ = c.Blocking(func() { _ = c.Blocking(func() {}) }) })
	op("BlockingOrAbandon", func(c *task.Ctx) { _ = c.BlockingOrAbandon(func() { _ = c.BlockingOrAbandon(func() {}) }) })
	op("Pull", func(c *task.Ctx) {
		next, stop := task.Pull(c, slices.Values([]int{1, 2, 3}))
		defer stop()
		next()
	})
	op("Receive", func(c *task.Ctx) {
		ch := make(chan int)
		meanwhile(func() { close(ch) })
		_, _, _ = task.Receive(c, ch)
	})
	op("WaitContext", func(c *task.Ctx) { _ = c.Go(func(c *task.Ctx) { c.Yield() }).WaitContext(c) })
	op("Submit", func(c *task.Ctx) {
		_, _ = task.Submit(c, func(c *task.Ctx) (int, error) { c.Yield(); return 1, nil }).WaitContext(c)
	})
	op("First", func(c *task.Ctx) {
		f := task.Submit(c, func(c *task.Ctx) (int, error) { c.Yield(); return 1, nil })
		_, _ = task.First(c, f)
	})
	for _, limit := range []int{-1, 1} {
		op(fmt.Sprint("Group, limit ", limit), func(c *task.Ctx) {
			g, ctx := task.NewGroupContext(c, c)
			g.SetLimit(limit)
			var e tsync.Event
			for range 5 {
				_ = g.GoContext(ctx, func(m *task.Ctx) error {
					m.Yield()
					_ = e.WaitContext(c)
					return e.WaitContext(ctx)
				})
				e.Set()
			}
			_ = g.WaitContext(c)
			_ = g.Wait()
		})
	}
	op("Completion", func(c *task.Ctx) {
		var p task.Completion[int]
		meanwhile(func() { p.Complete(1, nil) })
		_, _ = p.WaitContext(c)
	})
	op("Waiter", func(c *task.Ctx) {
		for _, by := range []*task.Ctx{c, nil} {
			var w task.Waiter
			w.Init(context.WithoutCancel(c))
			meanwhile(func() {
				if w.Claim() {
					w.Wake(by)
				}
			})
			_ = w.Wait()
		}
	})
	op("Mutex", func(c *task.Ctx) {
		var m tsync.Mutex
		m.Lock()
		meanwhile(m.Unlock)
		if m.LockContext(c) == nil {
			m.Unlock()
		}
	})
	op("RWMutex", func(c *task.Ctx) {
		var m tsync.RWMutex
		m.Lock()
		meanwhile(m.Unlock)
		if m.RLockContext(c) == nil {
			m.RUnlock()
		}
	})
	for _, n := range []int{0, 1} {
		op(fmt.Sprint("Chan of ", n), func(c *task.Ctx) {
			ch, back := tsync.NewChan[int](n), tsync.NewChan[int](n)
			meanwhile(func() {
				for i := range 40 {
					_ = ch.Send(context.Background(), i)
				}
				for range 40 {
					_, _, _ = back.Recv(context.Background())
				}
			})
			ctx := context.WithoutCancel(c)
			for i := range 40 {
				if _, _, err := ch.Recv(c); err != nil {
					_, _, _ = ch.Recv(ctx)
				}
				_ = i
			}
			for i := range 40 {
				if err := back.Send(c, i); err != nil {
					_ = back.Send(ctx, i)
				}
			}
		})
	}
	op("Chan of the same tasks", func(c *task.Ctx) { // long enough for waiters to be kept
		ch, done := tsync.NewChan[int](0), make(chan struct{})
		meanwhile(func() {
			defer close(done)
			for range 1000 {
				_ = ch.Send(context.Background(), 1)
			}
		})
		for range 1000 {
			if _, _, err := ch.Recv(c); err != nil {
				_, _, _ = ch.Recv(context.WithoutCancel(c))
			}
		}
		<-done
	})
	op("Select", func(c *task.Ctx) {
		a, b := tsync.NewChan[int](0), tsync.NewChan[int](0)
		meanwhile(a.Close)
		_, _ = tsync.Select(c, a.RecvCase(), b.RecvCase())
	})
	op("WaitGroup", func(c *task.Ctx) {
		var g tsync.WaitGroup
		g.Go(func() { c.Yield() })
		_ = g.WaitContext(c)
	})
	op("Semaphore", func(c *task.Ctx) {
		s := tsync.NewSemaphore(1)
		_ = s.Acquire(context.Background(), 1)
		meanwhile(func() { s.Release(1) })
		_ = s.Acquire(c, 1)
	})
	op("Once", func(c *task.Ctx) { new(tsync.Once).Do(func() { c.Yield() }) })
	op("Cond", func(c *task.Ctx) {
		var m tsync.Mutex
		cond := tsync.NewCond(&m)
		m.Lock()
		meanwhile(func() {
			m.Lock()
			cond.Broadcast()
			m.Unlock()
		})
		_ = cond.WaitContext(c)
		m.Unlock()
	})
	op("Barrier", func(c *task.Ctx) {
		b := tsync.NewBarrier(2)
		meanwhile(func() { _, _ = b.WaitContext(context.Background()) })
		_, _ = b.WaitContext(context.WithoutCancel(c))
	})
	op("For", func(c *task.Ctx) { _ = parallel.For(c, 1000, func(*task.Ctx, int) { c.Checkpoint() }) })
	op("nested For", func(c *task.Ctx) { // each with the c of the outermost
		_ = parallel.For(c, 8, func(*task.Ctx, int) {
			_ = parallel.For(c, 100, func(*task.Ctx, int) { c.Yield() })
		})
	})
	op("Do", func(c *task.Ctx) {
		parallel.Do(c, func(*task.Ctx) { c.Yield() }, func(*task.Ctx) { c.Yield() }, func(*task.Ctx) { c.Yield() })
	})
	op("InScope", func(c *task.Ctx) {
		parallel.InScope(c, func(s *parallel.Scope) {
			for range 10 {
				s.Go(c, func(*task.Ctx) { c.Yield() })
			}
		})
	})
	op("Sort", func(c *task.Ctx) {
		xs := make([]int, 10_000)
		for i := range xs {
			xs[i] = i * 7919 % 10_007
		}
		if parallel.Sort(c, xs) == nil && !slices.IsSorted(xs) {
			panic("not sorted")
		}
	})
	op("Scan", func(c *task.Ctx) { _, _ = parallel.ScanInclusive(c, make([]int, 10_000), add) })
	op("ForEachSeq", func(c *task.Ctx) {
		_ = parallel.ForEachSeq(c, slices.Values(make([]int, 100)), func(*task.Ctx, int) { c.Yield() })
	})
	op("Call", func(c *task.Ctx) { doubled.Call(c, 1) })
	op("CallAll", func(c *task.Ctx) { doubled.CallAll(c, []int{1, 2, 3}) })
	op("MapSeq", func(c *task.Ctx) {
		square := func(m *task.Ctx, x int) (int, error) { c.Yield(); return x * x, m.Sleep(1) }
		for range parallel.MapSeq(c, slices.Values([]int{1, 2, 3}), 2, square) {
		}
	})
	op("Accumulate", func(c *task.Ctx) {
		sum := func(_ *task.Ctx, acc int, xs []int) int { c.Checkpoint(); return acc + len(xs) }
		_, _ = parallel.Accumulate(c, make([]int, 1000), func() int { return 0 }, sum, add)
	})
	op("Run", func(c *task.Ctx) {
		_, _ = parallel.Run(c, func(*task.Ctx) (int, error) { return 1, c.Sleep(1) })
	})
	op("Completed", func(c *task.Ctx) {
		f := task.Submit(c, func(*task.Ctx) (int, error) { c.Yield(); return 1, nil })
		for range task.Completed(c, f, f) {
		}
		_, _ = task.All(c, f)
		_, _ = task.Race(c, f)
	})
	op("Flight", func(c *task.Ctx) {
		var f task.Flight[int, int]
		_, _ = f.DoContext(c, 1, func() (int, error) { c.Yield(); return 1, nil })
	})
	op("KeyedMutex", func(c *task.Ctx) {
		var k tsync.KeyedMutex[int]
		k.Lock(1)
		meanwhile(func() { k.Unlock(1) })
		if k.LockContext(c, 1) == nil {
			k.Unlock(1)
		}
	})
	op("WithTimeout", func(c *task.Ctx) {
		ctx, cancel := task.WithTimeout(c, 1)
		defer cancel()
		var e tsync.Event
		_ = e.WaitContext(ctx)
	})
	op("Timer", func(c *task.Ctx) { _, _, _ = tsync.NewTimer(c, 1).C.Recv(c) })
	op("Select of both kinds", func(c *task.Ctx) {
		ch, native := tsync.NewChan[int](0), make(chan int)
		meanwhile(func() { close(native) })
		_, _ = tsync.Select(c, ch.RecvCase(), tsync.RecvNative(native))
	})
	return all
}

// said runs f and fails the test if it panics otherwise than with a sentence of heddle's.
func said(what string, bad *atomic.Pointer[string], f func()) {
	defer func() {
		if v := recover(); v != nil {
			text := fmt.Sprint(v)
			if pe, ok := v.(*task.PanicError); ok {
				text = fmt.Sprint(pe.Value)
			}
			for _, prefix := range []string{"task: ", "parallel: ", "tsync: "} {
				if strings.HasPrefix(text, prefix) {
					return
				}
			}
			text = what + ": " + text
			bad.Store(&text)
		}
	}()
	f()
}

// Each operation ends, and the schedulers work afterwards. It is called by a task, a goroutine, a
// function of Blocking and others, with the Ctx of a task that waits, runs or has ended, of the
// same and of another scheduler.
func TestCapturedContexts(t *testing.T) {
	counts := []int{1, 2, 4}
	if testing.Short() {
		counts = counts[1:2]
	}
	eachCount(t, counts, func(t *testing.T, n int) {
		s, other := open(t, n, scheduler.WithStallAfter(0)), open(t, n, scheduler.WithStallAfter(0))
		var (
			stop  atomic.Bool
			holds []task.Task
			owned = map[string]*task.Ctx{}
		)
		for name, on := range map[string]*scheduler.Scheduler{"this": s, "another": other} {
			got := make(chan *task.Ctx)
			holds = append(holds, on.Go(func(c *task.Ctx) { got <- c; _ = c.Park() }))
			owned["waiting in "+name] = <-got
			holds = append(holds, on.Go(func(c *task.Ctx) {
				got <- c
				for !stop.Load() {
					c.Yield()
					runtime.Gosched()
				}
			}))
			owned["running in "+name] = <-got
			dead := on.Go(func(c *task.Ctx) { got <- c })
			owned["ended in "+name] = <-got
			require.NoError(t, dead.Wait())
		}
		callers := map[string]func(f func()){
			"a task":             func(f func()) { _ = s.Go(func(*task.Ctx) { f() }).Wait() },
			"a goroutine":        func(f func()) { f() },
			"Blocking":           func(f func()) { _ = s.Go(func(c *task.Ctx) { _ = c.Blocking(f) }).Wait() },
			"Blocking on a task": func(f func()) { _ = s.Go(func(c *task.Ctx) { onSpot(c, f) }).Wait() },
			"Blocking elsewhere": func(f func()) { _ = s.Go(func(c *task.Ctx) { _ = c.BlockingOrAbandon(f) }).Wait() },
			"Pull": func(f func()) {
				_ = s.Go(func(c *task.Ctx) {
					next, stop := task.Pull(c, func(func(int) bool) { f() })
					defer stop()
					next()
				}).Wait()
			},
			"a stolen call": func(f func()) {
				_ = s.Go(func(c *task.Ctx) { parallel.Do(c, func(c *task.Ctx) { c.Yield() }, func(*task.Ctx) { f() }) }).Wait()
			},
		}
		if n > 1 {
			callers["the standard library's Pull"] = func(f func()) {
				_ = s.Go(func(*task.Ctx) {
					next, stop := standardPull(func(func(int) bool) { f() })
					defer stop()
					next()
				}).Wait()
			}
		}
		var bad atomic.Pointer[string]
		for _, op := range operations() {
			for whose, c := range owned {
				for who, call := range callers {
					what := fmt.Sprintf("%s by %s, with the Ctx of a task %s", op.name, who, whose)
					finish(t, what, func() { call(func() { said(what, &bad, func() { op.f(c) }) }) })
					if text := bad.Load(); text != nil {
						t.Fatal(*text)
					}
				}
			}
		}
		for _, on := range []*scheduler.Scheduler{s, other} {
			require.NoError(t, on.Go(func(c *task.Ctx) {
				if x := doubled.Fork(c, 21); x.Join(c) != 42 {
					panic("not doubled")
				}
			}).Wait())
		}
		stop.Store(true)
		for _, c := range owned {
			c.Task().Ready()
		}
		waitAll(t, holds)
	})
}

// Operations that must not wait for their own task are refused inside a sequence of task.Pull, too,
// which has a stack of its own.
func TestShutdownInPull(t *testing.T) {
	s := open(t, 1)
	finish(t, "the task", func() {
		require.ErrorIs(t, s.Go(func(c *task.Ctx) {
			next, stop := task.Pull(c, func(yield func(error) bool) {
				if yield(s.Shutdown(context.Background())) && yield(s.Wait(context.Background())) {
					yield(s.Close())
				}
			})
			defer stop()
			for range 2 {
				if err, _ := next(); err == nil {
					panic("it has not waited, and has no error")
				}
			}
			next()
		}).Wait(), task.ErrClosed)
	})
}

// A worker waits for the panic handler. So a handler must not wait for tasks.
func TestHandlerWaits(t *testing.T) {
	var s *scheduler.Scheduler
	text := make(chan string, 2)
	s = open(t, 1, scheduler.WithPanicHandler(func(task.Task, *task.PanicError) {
		if c, ok := task.Current(); ok || c != nil {
			text <- "the handler is a task"
		}
		defer func() { text <- fmt.Sprint(recover()) }()
		_ = s.Go(func(*task.Ctx) {}).Wait()
	}))
	finish(t, "the handler", func() {
		require.Error(t, s.Go(func(*task.Ctx) { panic("mine") }).Wait())
		require.Contains(t, <-text, "called by a handler")
	})
}
