//go:build !heddle_model

// Models leave out that locks note their holders: see internal/rt/watch_model.go.

package scheduler_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// circles returns the names of the tasks in the deadlocks of s, each deadlock beginning with the
// least name.
func circles(s *scheduler.Scheduler) (all [][]string) {
	for circle := range s.Deadlocks() {
		var names []string
		for _, i := range circle {
			names = append(names, i.Name)
		}
		at := slices.Index(names, slices.Min(names))
		all = append(all, append(slices.Clone(names[at:]), names[:at]...))
	}
	return all
}

// meet returns a function that waits until n tasks have called it.
func meet(n int) func(c *task.Ctx) {
	b := tsync.NewBarrier(n)
	return func(c *task.Ctx) { _, _ = b.WaitContext(c) }
}

// Each way to wait for a lock whose holder is known closes a circle. No lock was ever contended
// before.
func TestDeadlocks(t *testing.T) {
	type fn = func(c *task.Ctx)
	both := meet(2)
	locks := func(lock func(c *task.Ctx, i int) error) (a, b fn) {
		cross := func(mine, other int) fn {
			return func(c *task.Ctx) {
				assert.NoError(t, lock(c, mine))
				both(c)
				assert.ErrorIs(t, lock(c, other), task.ErrClosed)
			}
		}
		return cross(0, 1), cross(1, 0)
	}
	tests := map[string]func() (a, b fn){
		"mutex": func() (a, b fn) {
			var m [2]tsync.Mutex
			return locks(func(c *task.Ctx, i int) error { return m[i].LockContext(c) })
		},
		"mutex by TryLock": func() (a, b fn) {
			var m [2]tsync.Mutex
			return locks(func(c *task.Ctx, i int) error {
				if m[i].TryLock() {
					return nil
				}
				return m[i].LockContext(c)
			})
		},
		"keyed mutex": func() (a, b fn) {
			var m tsync.KeyedMutex[int]
			return locks(func(c *task.Ctx, i int) error { return m.LockContext(c, i) })
		},
		"semaphore": func() (a, b fn) {
			m := [2]*tsync.Semaphore{tsync.NewSemaphore(3), tsync.NewSemaphore(3)}
			return locks(func(c *task.Ctx, i int) error { return m[i].Acquire(c, 2) })
		},
		"writers": func() (a, b fn) {
			var m [2]tsync.RWMutex
			return locks(func(c *task.Ctx, i int) error { return m[i].LockContext(c) })
		},
		"a writer waits for a reader": func() (a, b fn) {
			var m [2]tsync.RWMutex
			_, b = locks(func(c *task.Ctx, i int) error { return m[i].LockContext(c) })
			return func(c *task.Ctx) {
				assert.NoError(t, m[0].RLockContext(c))
				both(c)
				assert.ErrorIs(t, m[1].LockContext(c), task.ErrClosed)
			}, b
		},
		"a reader locks again while a writer waits": func() (a, b fn) {
			var m tsync.RWMutex
			var waits atomic.Bool
			a = func(c *task.Ctx) {
				assert.NoError(t, m.RLockContext(c))
				both(c)
				for !waits.Load() {
					c.Yield()
				}
				for m.TryRLock() { // until the writer waits
					m.RUnlock()
					c.Yield()
				}
				_ = m.RLockContext(c) // Close may cancel the writer first
			}
			b = func(c *task.Ctx) {
				both(c)
				waits.Store(true)
				assert.ErrorIs(t, m.LockContext(c), task.ErrClosed)
			}
			return a, b
		},
		"a lock and the end of its holder": func() (a, b fn) {
			var m tsync.Mutex
			var first task.Completion[task.Task]
			a = func(c *task.Ctx) {
				first.Complete(c.Task(), nil)
				both(c)
				assert.ErrorIs(t, m.LockContext(c), task.ErrClosed)
			}
			b = func(c *task.Ctx) {
				assert.NoError(t, m.LockContext(c))
				both(c)
				x, _ := first.Wait()
				_ = x.WaitContext(c)
			}
			return a, b
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			s := open(t, 2, scheduler.WithWaits())
			a, b := test()
			s.Go(a, task.Name("a"))
			s.Go(b, task.Name("b"))
			s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name("c"))
			testkit.Until(t, "the deadlock is seen", func() bool { return len(circles(s)) > 0 })
			require.Equal(t, [][]string{{"a", "b"}}, circles(s))
			line, _, _ := strings.Cut(dump(t, s), "\n")
			require.Contains(t, []string{`deadlock: "a" -> "b" -> "a"`, `deadlock: "b" -> "a" -> "b"`}, line)
		})
	}
}

// A task that locks a mutex twice is a circle of one. It is reported once, also if another task
// waits for it, which a reader comes to before it or after it.
func TestDeadlockOfOne(t *testing.T) {
	for _, otherFirst := range []bool{false, true} {
		s := open(t, 2, scheduler.WithWaits())
		var m tsync.Mutex
		var seen tsync.Event
		other := func() {
			s.Go(func(c *task.Ctx) {
				if assert.NoError(t, seen.WaitContext(c)) {
					assert.ErrorIs(t, m.LockContext(c), task.ErrClosed)
				}
			}, task.Name("other"))
		}
		if otherFirst {
			other()
		}
		s.Go(func(c *task.Ctx) {
			assert.NoError(t, m.LockContext(c))
			assert.ErrorIs(t, m.LockContext(c), task.ErrClosed)
		}, task.Name("twice"))
		testkit.Until(t, "it is seen", func() bool { return len(circles(s)) > 0 })
		require.Equal(t, [][]string{{"twice"}}, circles(s))
		if !otherFirst {
			other()
		}
		seen.Set()
		testkit.Until(t, "the other waits, too", func() bool {
			n := 0
			for i := range s.Tasks() {
				if i.Holder.Name() == "twice" {
					n++
				}
			}
			return n == 2
		})
		require.Equal(t, [][]string{{"twice"}}, circles(s))
	}
}

// Tasks that take locks in an order that all keep to are never reported, however often a lock is
// handed from one to the next.
func TestNoDeadlocks(t *testing.T) {
	s := open(t, 2, scheduler.WithWaits())
	var (
		m    [2]tsync.Mutex
		rw   tsync.RWMutex
		sem  = tsync.NewSemaphore(1)
		left atomic.Int32
	)
	left.Store(8)
	for i := range left.Load() {
		s.Go(func(c *task.Ctx) {
			defer left.Add(-1)
			for range scale(1000) {
				m[0].Lock()
				c.Yield() // so that Unlock hands the mutex over
				m[1].Lock()
				m[0].Unlock()
				c.Yield()
				m[1].Unlock()
				if i%2 == 0 {
					rw.Lock()
					c.Yield()
					rw.Unlock()
				} else {
					rw.RLock()
					c.Yield()
					rw.RUnlock()
				}
				if sem.Acquire(c, 1) == nil {
					c.Yield()
					sem.Release(1)
				}
				_ = c.Go(func(c *task.Ctx) { c.Yield() }).Wait()
			}
		})
	}
	for left.Load() > 0 {
		require.Empty(t, circles(s))
	}
}

// Of a chain of many waits only its circle is reported, once, and with many such circles the
// iterator ends when the loop does.
func TestDeadlocksAmongMany(t *testing.T) {
	s := open(t, 2, scheduler.WithWaits())
	n := scale(20_000)
	var e tsync.Event
	ts := make([]task.Task, n)
	for i := range ts { // each waits for the one before it
		ts[i] = s.Go(func(c *task.Ctx) {
			_ = e.WaitContext(c)
			if i > 0 {
				_ = ts[i-1].WaitContext(c)
				return
			}
			_ = c.Park()
		})
	}
	e.Set()
	testkit.Until(t, "all wait", func() bool {
		held := 0
		for i := range s.Tasks() {
			if i.Holder != (task.Task{}) {
				held++
			}
		}
		return held == n-1
	})
	require.Empty(t, circles(s))
	var m [10]tsync.Mutex
	for i := range m {
		s.Go(func(c *task.Ctx) {
			m[i].Lock()
			_ = m[i].LockContext(c)
		}, task.Name("circle"))
	}
	testkit.Until(t, "they are seen", func() bool { return len(circles(s)) == len(m) })
	seen := 0
	for range s.Deadlocks() {
		if seen++; seen == 3 {
			break
		}
	}
	require.Equal(t, 3, seen)
}

// Without the option nothing is noted, and nothing found.
func TestDeadlocksWithoutTheOption(t *testing.T) {
	s := open(t, 2)
	var m tsync.Mutex
	x := s.Go(func(c *task.Ctx) {
		m.Lock()
		_ = m.LockContext(c)
	})
	testkit.Until(t, "it waits", func() bool { return x.State() == task.Waiting })
	require.Empty(t, circles(s))
	for i := range s.Tasks() {
		require.Zero(t, i.Object)
		require.Zero(t, i.Holder)
		require.Zero(t, i.StartedBy)
		require.Zero(t, i.StartedAt.Frame().PC)
	}
}

// Tasks note which task started them, and where they wait and at what.
func TestTasksNoteTheirWaits(t *testing.T) {
	s := open(t, 2, scheduler.WithSites())
	ch, other := tsync.NewChan[int](0), tsync.NewChan[int](0)
	var m tsync.Mutex
	var e tsync.Event
	lock := func(ctx context.Context) {
		if m.LockContext(ctx) == nil {
			m.Unlock()
		}
	}
	hardLock := func() {
		m.Lock()
		defer m.Unlock()
	}
	waits := map[string]func(c *task.Ctx){
		"recv":        func(c *task.Ctx) { _, _, _ = ch.Recv(c) },
		"recv too":    func(c *task.Ctx) { _, _, _ = ch.Recv(c) },
		"other":       func(c *task.Ctx) { _, _, _ = other.Recv(c) },
		"lock":        func(c *task.Ctx) { lock(c) },
		"hard lock":   func(c *task.Ctx) { hardLock() },
		"under":       func(c *task.Ctx) { lock(contextOf(c)) },
		"event":       func(c *task.Ctx) { e.Wait() },
		"nap":         func(c *task.Ctx) { _ = c.Park() },
		"select":      func(c *task.Ctx) { _, _ = tsync.Select(c, ch.RecvCase(), other.RecvCase()) },
		"by blocking": func(c *task.Ctx) { _ = c.Park() },
	}
	root := s.Go(func(c *task.Ctx) {
		m.Lock()
		for name, f := range waits {
			if name == "by blocking" {
				_ = c.BlockingOrAbandon(func() { s.Go(f, task.Name(name)) })
				continue
			}
			c.Go(f, task.Name(name))
		}
		_ = c.Park()
		m.Unlock()
	}, task.Name("root"))
	testkit.Until(t, "all wait", func() bool {
		n := 0
		for i := range s.Tasks() {
			if i.State == task.Waiting {
				n++
			}
		}
		return n == len(waits)+1
	})
	all := infos(s)
	for name := range waits {
		i := all[name]
		assert.Equal(t, root, i.StartedBy, name)
		assert.Contains(t, i.StartedAt.Frame().Function, "TestTasksNoteTheirWaits", name)
		assert.Contains(t, i.WaitsAt.Frame().Function, "TestTasksNoteTheirWaits", name)
		assert.Contains(t, i.WaitsAt.Frame().File, "deadlock_test.go", name)
		held := name == "lock" || name == "hard lock" || name == "under"
		if held {
			assert.Equal(t, root, i.Holder, name)
			assert.Equal(t, all["lock"].Object, i.Object, name)
		} else {
			assert.Zero(t, i.Holder, name)
		}
		assert.Equal(t, name == "nap" || name == "select" || name == "by blocking", i.Object == 0, name)
	}
	assert.Equal(t, all["recv"].Object, all["recv too"].Object)
	assert.NotEqual(t, all["recv"].Object, all["other"].Object)
	assert.NotEqual(t, all["recv"].Object, all["lock"].Object)
	assert.Zero(t, all["root"].StartedBy, "a goroutine submitted it")
	text := dump(t, s)
	assert.Regexp(t, `(?m)^task "lock" \(\): waiting for mutex \(\) held up by "root", \d+m?s, at \S*TestTasksNoteTheirWaits\S* \(\S*deadlock_test.go:\d+\), started at `, text)
	e.Set()
	root.Ready()
}

// contextOf returns a context under c that is not c.
func contextOf(c *task.Ctx) context.Context {
	ctx, cancel := context.WithCancel(c)
	context.AfterFunc(c, cancel)
	return ctx
}

// A task that parks by the Ctx of a task of a scheduler that notes nothing notes its wait as its
// own scheduler asks for, and the other way round.
func TestParkOnAnotherSchedulersCtx(t *testing.T) {
	plain, noting := open(t, 2), open(t, 2, scheduler.WithSites())
	of := func(s *scheduler.Scheduler) *task.Ctx {
		got := make(chan *task.Ctx)
		s.Go(func(c *task.Ctx) { got <- c; _ = c.Park() })
		return <-got
	}
	park := func(s *scheduler.Scheduler, on *task.Ctx) scheduler.TaskInfo {
		x := s.Go(func(*task.Ctx) { on.Yield(); _ = on.Park() }, task.Name("caller"))
		testkit.Until(t, "it waits", func() bool { return x.State() == task.Waiting })
		return infos(s)["caller"]
	}
	onPlain, onNoting := of(plain), of(noting)
	require.Contains(t, park(noting, onPlain).WaitsAt.Frame().Function, "TestParkOnAnotherSchedulersCtx")
	require.Zero(t, park(plain, onNoting).WaitsAt.Frame().PC)
}
