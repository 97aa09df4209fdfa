package task_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// panicOf returns the text of f's panic, or "" if f returns.
func panicOf(f func()) (text string) {
	defer func() {
		if v := recover(); v != nil {
			text = fmt.Sprint(v)
		}
	}()
	f()
	return ""
}

// TestNameAfterTheEnd: handles keep the name, whatever their descriptor does after the task's end.
func TestNameAfterTheEnd(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	var handles []task.Task
	for i := range 200 {
		tk := s.Go(func(c *task.Ctx) { c.Yield() }, task.Name(fmt.Sprint("n", i)))
		require.NoError(t, tk.Wait())
		handles = append(handles, tk)
		require.NoError(t, s.Go(func(c *task.Ctx) {}).Wait())
	}
	for i, tk := range handles {
		require.Equal(t, fmt.Sprint("n", i), tk.Name())
		require.Equal(t, fmt.Sprintf("task %q (done)", fmt.Sprint("n", i)), tk.String())
		require.Equal(t, task.Done, tk.State())
		require.NoError(t, tk.Err())
	}
}

// TestLogged: structured logs show tasks in a form that people can read.
func TestLogged(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	var b bytes.Buffer
	l := slog.New(slog.NewJSONHandler(&b, nil))
	require.NoError(t, s.Go(func(c *task.Ctx) {
		l.Info("", "task", c.Task(), "ctx", c, "state", c.Task().State(), "level", task.High, "policy", scheduler.DropOldest,
			"pinning", scheduler.CPUs, "stall", scheduler.Stall{Task: c.Task(), Name: "x"})
	}, task.Name("x")).Wait())
	var m map[string]any
	require.NoError(t, json.Unmarshal(b.Bytes(), &m))
	running := `task "x" (running)`
	require.Equal(t, []any{running, running, "running", "high", "drop-oldest", "cpus", "x"},
		[]any{m["task"], m["ctx"], m["state"], m["level"], m["policy"], m["pinning"], m["stall"].(map[string]any)["task"]})
}

// A panickingStarter panics before or after it has called the function.
type panickingStarter struct {
	on  task.Starter
	ran bool
}

func (p panickingStarter) Go(fn func(c *task.Ctx), opts ...task.Option) task.Task {
	if p.ran {
		done := make(chan struct{})
		p.on.Go(func(c *task.Ctx) { defer close(done); fn(c) }, opts...)
		<-done
	}
	panic("no")
}

// TestGroupOfAPanickingStarter: if a member's Starter panics, before or after it has called the
// function, the member does not remain counted.
func TestGroupOfAPanickingStarter(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	defer s.Close()
	for _, ran := range []bool{false, true} {
		require.NoError(t, s.Go(func(c *task.Ctx) {
			g := task.NewGroup(panickingStarter{s, ran})
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			fn := func(*task.Ctx) error { return nil }
			assert.Equal(t, "no", panicOf(func() { g.Go(fn) }))
			assert.Equal(t, "no", panicOf(func() { _ = g.GoContext(ctx, fn) }))
			assert.Equal(t, "no", panicOf(func() { _ = g.GoContext(ctx, fn, task.Name("x")) }))
			assert.Equal(t, !ran, g.Wait() != nil)
		}).Wait())
	}
}

// TestNilSchedulers: a panic names the nil *Scheduler, wherever it was passed.
func TestNilSchedulers(t *testing.T) {
	var none *scheduler.Scheduler
	fn := func(c *task.Ctx) {}
	for name, f := range map[string]func(){
		"Go":        func() { none.Go(fn) },
		"GoContext": func() { none.GoContext(context.Background(), fn) },
		"GoAfter":   func() { none.GoAfter(0, fn) },
		"GoEvery":   func() { none.GoEvery(1, fn) },
		"Pause":     func() { _ = none.Pause(context.Background()) },
		"Resume":    func() { none.Resume() },
		"Workers":   func() { none.Workers() },
		"Resize":    func() { _ = none.Resize(1) },
		"Shutdown":  func() { _ = none.Shutdown(context.Background()) },
		"Close":     func() { _ = none.Close() },
		"Stats":     func() { none.Stats() },
		"Dump":      func() { _ = none.Dump(nil) },
		"Wait":      func() { _ = none.Wait(context.Background()) },
		"NewGroup":  func() { task.NewGroup(none) },
		"Submit":    func() { task.Submit(none, func(c *task.Ctx) (int, error) { return 0, nil }) },
		"NewTimer":  func() { tsync.NewTimer(none, 1) },
		"NewTicker": func() { tsync.NewTicker(none, 1) },
		"AfterFunc": func() { tsync.AfterFunc(none, 1, fn) },
	} {
		require.Contains(t, panicOf(f), "scheduler: a nil *Scheduler", name)
	}
	require.Contains(t, panicOf(func() { task.NewGroup((*task.Ctx)(nil)) }), "nil Starter")
	require.Contains(t, panicOf(func() { tsync.NewTimer((*task.Ctx)(nil), 1) }), "nil Starter")
	require.Contains(t, panicOf(func() { new(scheduler.Scheduler).Stats() }), "zero Scheduler")
}

// TestNilCtx: the methods of a nil Ctx, and the operations that are given one as a context, panic
// with the text of nilCtx, in a task and in a goroutine. Checkpoint, Yield and Park do not check:
// the runtime reports the nil pointer.
func TestNilCtx(t *testing.T) {
	c, ok := task.Current()
	require.False(t, ok)
	require.Nil(t, c)
	ch := tsync.NewChan[int](1)
	uses := map[string]func(){
		"Task":              func() { c.Task() },
		"Go":                func() { c.Go(func(*task.Ctx) {}) },
		"Worker":            func() { c.Worker() },
		"Ready":             func() { c.Ready(task.Task{}) },
		"Sleep":             func() { _ = c.Sleep(1) },
		"Cancel":            func() { c.Cancel() },
		"Cancelled":         func() { c.Cancelled() },
		"Deadline":          func() { c.Deadline() },
		"Done":              func() { c.Done() },
		"Err":               func() { _ = c.Err() },
		"Cause":             func() { _ = c.Cause() },
		"Value":             func() { c.Value(1) },
		"AfterFunc":         func() { c.AfterFunc(func() {}) },
		"String":            func() { _ = c.String() },
		"MarshalText":       func() { _, _ = c.MarshalText() },
		"Blocking":          func() { _ = c.Blocking(func() {}) },
		"BlockingOrAbandon": func() { _ = c.BlockingOrAbandon(func() {}) },
		"BlockingValue":     func() { _, _ = task.BlockingValue(c, func() (int, error) { return 0, nil }) },
		"From":              func() { task.From(c) },
		"WithTimeout":       func() { _, cancel := task.WithTimeout(c, 1); cancel() },
		"WithCancel":        func() { _, cancel := context.WithCancel(c); cancel() },
		"Receive":           func() { _, _, _ = task.Receive(c, make(chan int)) },
		"task.Sleep":        func() { _ = task.Sleep(c, 1) },
		"Send":              func() { _ = ch.Send(c, 1) },
		"Recv":              func() { _, _, _ = ch.Recv(c) },
		"Select":            func() { _, _ = tsync.Select(c, ch.SendCase(1)) },
		"LockContext":       func() { _ = new(tsync.Mutex).LockContext(c) },
		"WaitContext":       func() { _ = new(tsync.WaitGroup).WaitContext(c) },
		"Group.GoContext":   func() { _ = task.NewGroup(panickingStarter{}).GoContext(c, func(*task.Ctx) error { return nil }) },
		"NewGroupContext":   func() { task.NewGroupContext(c, panickingStarter{}) },
	}
	runtimes := map[string]func(){
		"Checkpoint": func() { c.Checkpoint() },
		"Yield":      func() { c.Yield() },
		"Park":       func() { _ = c.Park() },
	}
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		check := func() {
			for name, use := range uses {
				assert.Contains(t, panicOf(use), "a method of a nil Ctx was called", name)
			}
			for name, use := range runtimes {
				assert.Contains(t, panicOf(use), "nil pointer dereference", name)
			}
		}
		check()
		require.NoError(t, s.Go(func(*task.Ctx) { check() }).Wait())
		require.Contains(t, panicOf(func() { s.GoContext(c, func(*task.Ctx) {}) }), "a method of a nil Ctx was called")
		require.Contains(t, panicOf(func() { s.Go(func(*task.Ctx) {}, task.Parent(c)) }), "a method of a nil Ctx was called")
	})
	require.Zero(t, ch.Len(), "nothing was sent")
}

// TestNilContexts: each operation that takes a context panics on nil and says what to pass instead.
func TestNilContexts(t *testing.T) {
	var none context.Context
	var (
		m  tsync.Mutex
		rw tsync.RWMutex
		e  tsync.Event
		g  tsync.WaitGroup
		p  task.Completion[int]
	)
	ch, b, s := tsync.NewChan[int](0), tsync.NewBarrier(1), tsync.NewSemaphore(1)
	for name, f := range map[string]func(){
		"Lock":      func() { _ = m.LockContext(none) },
		"RW.Lock":   func() { _ = rw.LockContext(none) },
		"RLock":     func() { _ = rw.RLockContext(none) },
		"Event":     func() { _ = e.WaitContext(none) },
		"WaitGroup": func() { _ = g.WaitContext(none) },
		"Barrier":   func() { _, _ = b.WaitContext(none) },
		"Acquire":   func() { _ = s.Acquire(none, 1) },
		"Send":      func() { _ = ch.Send(none, 1) },
		"Recv":      func() { _, _, _ = ch.Recv(none) },
		"Select":    func() { _, _ = tsync.Select(none) },
		"Wait":      func() { _, _ = p.WaitContext(none) },
		"Sleep":     func() { _ = task.Sleep(none, 1) },
		"Receive":   func() { _, _, _ = task.Receive(none, make(chan int)) },
		"Context":   func() { _ = task.Task{}.WaitContext(none) },
	} {
		require.Contains(t, panicOf(f), "nil context", name)
	}
	require.True(t, m.TryLock() && rw.TryLock() && s.TryAcquire(1), "nothing was taken")
	require.Contains(t, panicOf(func() { _ = task.Task{}.WaitContext(none) }), "nil context")
}

// TestZeroGroup: a goroutine that is no task cannot add members to the zero Group, and takes none
// of its places. Members run on the scheduler of the task that adds them.
func TestZeroGroup(t *testing.T) {
	var g task.Group
	fn := func(c *task.Ctx) error { return nil }
	for range 2 {
		require.Contains(t, panicOf(func() { g.Go(fn) }), "the zero Group")
		require.Contains(t, panicOf(func() { _ = g.GoContext(context.Background(), fn) }), "the zero Group")
		require.Contains(t, panicOf(func() { g.TryGo(fn) }), "the zero Group")
		require.NoError(t, g.Wait())
		g.SetLimit(1)
	}
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		other, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		for _, limit := range []int{-1, 1} {
			g.SetLimit(limit)
			ran := 0 // not atomic: members run one at a time, on one worker or under the limit
			add := func(c *task.Ctx) {
				g.Go(func(c *task.Ctx) error { ran++; return nil })
				if err := g.Wait(); err != nil {
					panic(err)
				}
				if !g.TryGo(func(c *task.Ctx) error { ran++; return nil }) {
					panic("no place")
				}
			}
			require.NoError(t, other.Go(add).Wait())
			require.NoError(t, g.Wait())
			require.NoError(t, s.Go(add).Wait())
			require.NoError(t, g.Wait())
			require.Equal(t, 4, ran)
		}
		require.NoError(t, other.Close())
		require.EqualValues(t, 6, other.Stats().Spawned, "two calls with two members each")
	})
}

// TestZeroDeadline: the zero Time is no deadline, and does not replace one.
func TestZeroDeadline(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	at := time.Now().Add(24 * time.Hour)
	for _, opts := range [][]task.Option{{task.Deadline(time.Time{})}, {task.Deadline(at), task.Deadline(time.Time{})},
		{task.Deadline(time.Time{}), task.Deadline(at)}} {
		ran := false
		require.NoError(t, s.Go(func(c *task.Ctx) {
			d, ok := c.Deadline()
			ran = ok == (len(opts) == 2) && (!ok || d.Equal(at))
		}, opts...).Wait())
		require.True(t, ran)
	}
}

// TestWorker: the result is the index of the worker that the caller runs on, whichever c it asks,
// and -1 if the caller runs on none.
func TestWorker(t *testing.T) {
	guarded(t, nil, func(t *testing.T, s *scheduler.Scheduler) {
		n := s.Workers()
		other, err := scheduler.New(scheduler.WithWorkers(1))
		require.NoError(t, err)
		var outer *task.Ctx
		var bad atomic.Int64
		require.NoError(t, s.Go(func(c *task.Ctx) {
			outer = c
			var inside [64]int // by worker: the number of tasks there between two yields
			var g task.Group
			for range 40 {
				g.Go(func(mine *task.Ctx) error {
					for range 50 {
						w := mine.Worker()
						if w < 0 || w >= n || w != c.Worker() {
							bad.Add(1)
							return nil
						}
						inside[w]++
						if inside[w] != 1 {
							bad.Add(1)
						}
						inside[w]--
						mine.Yield()
					}
					return nil
				})
			}
			if g.Wait() != nil || c.Blocking(func() {
				if c.Worker() != -1 {
					bad.Add(1)
				}
			}) != nil {
				bad.Add(1)
			}
			if other.Go(func(*task.Ctx) {
				if c.Worker() != 0 {
					bad.Add(1)
				}
			}).Wait() != nil {
				bad.Add(1)
			}
		}).Wait())
		require.Zero(t, bad.Load())
		require.Equal(t, -1, outer.Worker())
		require.NoError(t, other.Close())
	})
}

func ExampleCtx_Worker() {
	s, err := scheduler.New()
	if err != nil {
		panic(err)
	}
	defer s.Close()
	type padded struct {
		n int
		_ [120]byte // so that two workers never write to one cache line
	}
	counts := make([]padded, s.Workers())
	g := task.NewGroup(s)
	for range 1000 {
		g.Go(func(c *task.Ctx) error {
			counts[c.Worker()].n++ // needs no lock: a worker runs only one task at a time
			return nil
		})
	}
	_ = g.Wait()
	sum := 0
	for _, x := range counts {
		sum += x.n
	}
	fmt.Println(sum)
	// Output: 1000
}
