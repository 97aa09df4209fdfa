package task_test

import (
	"context"
	"fmt"
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
		require.Contains(t, panicOf(f), "scheduler: a nil or zero Scheduler", name)
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
