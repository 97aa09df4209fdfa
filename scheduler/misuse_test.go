package scheduler_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// What cannot work says so, and what to do.
func TestMisusePanics(t *testing.T) {
	s := open(t, 1)
	var none context.Context
	for want, f := range map[string]func(){
		"nil or zero Scheduler has no workers: make one with New": func() { new(scheduler.Scheduler).Go(func(*task.Ctx) {}) },
		"nil or zero Scheduler has no workers":                    func() { _ = new(scheduler.Scheduler).Close() },
		"a nil or zero Scheduler":                                 func() { _ = new(scheduler.Scheduler).Shutdown(context.Background()) },
		"Shutdown with a nil context":                             func() { _ = s.Shutdown(none) },
		"GoEvery(-1s): want a duration above 0":                   func() { s.GoEvery(-time.Second, func(*task.Ctx) {}) },
		"nil context: pass the task's Ctx":                        func() { _, _ = task.From(none) },
		"a nil Future, or one that Submit has not made":           func() { _, _ = new(task.Future[int]).Wait() },
		"has no task to wait for":                                 func() { _, _ = task.First(context.Background(), new(task.Future[int])) },
		"use what Submit returns":                                 func() { _, _ = task.All[int](context.Background(), nil) },
		"has not made, has no task":                               func() { task.Completed[int](context.Background(), nil)(nil) },
		"Pull with a nil Ctx":                                     func() { task.Pull(nil, slices.Values([]int{1})) },
		"Waiter.Wait without an Init":                             func() { _ = new(task.Waiter).Wait() },
		"Waiter.Wake of a Waiter without an Init":                 func() { new(task.Waiter).Wake(nil) },
	} {
		func() {
			defer func() { require.Contains(t, fmt.Sprint(recover()), want) }()
			f()
		}()
	}
}

// A task's wait for its own end is refused wherever heddle can see it: on the task's stack, in a
// call that another worker has stolen, and by the task's future.
func TestWaitForItself(t *testing.T) {
	const want = "waits for itself"
	s := open(t, 2)
	var log errlog
	refused := func(what string, err error) {
		log.check(err != nil && strings.Contains(err.Error(), want), "%s: %v", what, err)
	}
	deep := parallel.Define(func(c *task.Ctx, x task.Task) error { return x.Wait() })
	calls := parallel.Define(func(c *task.Ctx, x task.Task) error {
		y := deep.Fork(c, x)
		c.Yield() // lets others have the call
		return y.Join(c)
	})
	x := s.Go(func(c *task.Ctx) {
		me := c.Task()
		refused("Wait", me.Wait())
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		refused("WaitContext", me.WaitContext(ctx))
		for range scale(2_000) {
			y := calls.Fork(c, me)
			c.Yield()
			refused("Wait in a call", y.Join(c))
		}
		log.check(c.Blocking(func() { refused("Wait in Blocking", me.Wait()) }) == nil, "Blocking")
		log.check(c.BlockingOrAbandon(func() { refused("Wait in Blocking elsewhere", me.Wait()) }) == nil, "Blocking elsewhere")
	})
	finish(t, "Wait", func() { require.NoError(t, x.Wait()) })

	begin := make(chan *task.Future[int], 1)
	f := task.Submit(s, func(c *task.Ctx) (int, error) {
		f, _, _ := task.Receive(c, begin)
		return f.Wait()
	})
	begin <- f
	finish(t, "Wait of the future", func() {
		_, err := f.Wait()
		refused("Future.Wait", err)
	})
	log.require(t)
}

// A task without a name is known by its address, in the log, in the dump and as a string.
func TestUnnamedTasksHaveAnAddress(t *testing.T) {
	var log, dump bytes.Buffer
	var seen, stop atomic.Bool
	s := open(t, 1,
		scheduler.WithQuantum(scheduler.MinQuantum),
		scheduler.WithStallAfter(5*time.Millisecond),
		scheduler.WithLogger(slog.New(slog.NewTextHandler(&log, nil))),
		scheduler.WithStallHandler(func(scheduler.Stall) { seen.Store(true) }))
	defer stop.Store(true)
	hog := s.Go(func(c *task.Ctx) {
		for !stop.Load() {
		}
	})
	testkit.Until(t, "it is reported", seen.Load)
	require.NoError(t, s.Dump(&dump))
	require.Regexp(t, `^task \(0x[0-9a-f]+\) \(running\)$`, hog.String())
	address := regexp.MustCompile("0x[0-9a-f]+").FindString(hog.String())
	require.Contains(t, dump.String(), "task ("+address+"): running")
	require.Contains(t, log.String(), "task="+address+" ")
	require.Contains(t, log.String(), "hint=")
	stop.Store(true)
	require.NoError(t, hog.Wait())
}

func TestMisuseOfGoPanics(t *testing.T) {
	s := open(t, 1)
	require.PanicsWithValue(t, "scheduler: Go with a nil function", func() { s.Go(nil) })
	require.PanicsWithValue(t, "scheduler: GoContext with a nil function", func() { s.GoContext(context.Background(), nil) })
	var none context.Context
	require.PanicsWithValue(t, "scheduler: GoContext with a nil context: use Go, or context.Background()", func() { s.GoContext(none, func(*task.Ctx) {}) })
}

func TestAfterFuncOfNothing(t *testing.T) {
	s := open(t, 1)
	require.NoError(t, s.Go(func(c *task.Ctx) {
		require.PanicsWithValue(t, "task: AfterFunc with a nil function", func() { c.AfterFunc(nil) })
	}).Wait())
}
