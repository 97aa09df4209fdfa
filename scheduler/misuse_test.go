package scheduler_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// What cannot work says so, and what to do.
func TestMisusePanics(t *testing.T) {
	s := open(t, 1)
	var none context.Context
	for want, f := range map[string]func(){
		"the zero Scheduler has no workers: make one with New": func() { new(scheduler.Scheduler).Go(func(*task.Ctx) {}) },
		"the zero Scheduler has no workers":                    func() { _ = new(scheduler.Scheduler).Close() },
		"the zero Scheduler":                                   func() { _ = new(scheduler.Scheduler).Shutdown(context.Background()) },
		"Shutdown with a nil context":                          func() { _ = s.Shutdown(none) },
		"GoEvery(-1s): want a duration above 0":                func() { s.GoEvery(-time.Second, func(*task.Ctx) {}) },
		"nil context: pass the task's Ctx":                     func() { _, _ = task.From(none) },
	} {
		func() {
			defer func() { require.Contains(t, fmt.Sprint(recover()), want) }()
			f()
		}()
	}
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
	eventually(t, "it is reported", seen.Load)
	require.NoError(t, s.Dump(&dump))
	require.Regexp(t, `^task \(0x[0-9a-f]+\) \(running\)$`, hog.String())
	address := regexp.MustCompile("0x[0-9a-f]+").FindString(hog.String())
	require.Contains(t, dump.String(), "task ("+address+"): running")
	require.Contains(t, log.String(), "task="+address+" ")
	require.Contains(t, log.String(), "hint=")
	stop.Store(true)
	require.NoError(t, hog.Wait())
}
