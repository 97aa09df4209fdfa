package scheduler_test

import (
	"errors"
	"io"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// dump returns what Dump writes, with the addresses left out.
func dump(t *testing.T, s *scheduler.Scheduler) string {
	t.Helper()
	var b strings.Builder
	require.NoError(t, s.Dump(&b))
	return regexp.MustCompile(`\(0x[0-9a-f]+\)`).ReplaceAllString(b.String(), "()")
}

func TestDump(t *testing.T) {
	eachCount(t, workerCounts, func(t *testing.T, n int) {
		s := open(t, n)
		require.Contains(t, dump(t, s), "0 tasks: 0 running, 0 runnable, 0 waiting; 0 timers pending")

		var mu tsync.Mutex
		mu.Lock()
		ch := tsync.NewChan[int](0)
		var stop atomic.Bool
		waiting := map[string]func(c *task.Ctx){
			"mutex":        func(c *task.Ctx) { _ = mu.LockContext(c) },
			"chan receive": func(c *task.Ctx) { _, _, _ = ch.Recv(c) },
			"ready":        func(c *task.Ctx) { _ = c.Park() },
			"sleep":        func(c *task.Ctx) { _ = c.Sleep(time.Hour) },
			"join":         func(c *task.Ctx) { _ = c.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name("child")).WaitContext(c) },
		}
		for why, f := range waiting {
			s.Go(f, task.Name("for "+why))
		}
		testkit.Until(t, "all wait", func() bool { return strings.Contains(dump(t, s), "6 waiting; 1 timers pending") })
		text := dump(t, s)
		for why := range waiting {
			require.Regexp(t, `(?m)^task "for `+why+`" \(\): waiting for `+why+`, \d+m?s$`, text)
		}
		require.Regexp(t, `(?m)^task "child" \(\): waiting for ready, \d+m?s$`, text)
		require.NotContains(t, text, "only something outside")

		s.Go(func(c *task.Ctx) {
			for !stop.Load() {
				c.Checkpoint()
			}
		})
		testkit.Until(t, "it runs", func() bool {
			return regexp.MustCompile(`(?m)^task \(\): running on worker \d+$`).MatchString(dump(t, s))
		})
		stop.Store(true)
	})
}

func TestDumpDeadlock(t *testing.T) {
	s := open(t, 2)
	a, b := tsync.NewChan[int](0), tsync.NewChan[int](0)
	cross := func(from, to *tsync.Chan[int]) func(c *task.Ctx) {
		return func(c *task.Ctx) {
			if v, _, err := from.Recv(c); err == nil {
				_ = to.Send(c, v)
			}
		}
	}
	s.Go(cross(a, b))
	s.Go(cross(b, a))
	testkit.Until(t, "it is seen", func() bool { return strings.Contains(dump(t, s), "every task waits, no timer is pending") })
	s.Close()
	require.Contains(t, dump(t, s), "0 tasks")
	require.Contains(t, dump(t, s), "closed")
}

func TestDumpBlockingCall(t *testing.T) {
	s := open(t, 1)
	gate := make(chan struct{})
	s.Go(func(c *task.Ctx) { _ = c.Blocking(func() { <-gate }) }, task.Name("outside"))
	testkit.Until(t, "it waits", func() bool {
		return regexp.MustCompile(`task "outside" \(\): waiting for blocking call`).MatchString(dump(t, s))
	})
	require.NotContains(t, dump(t, s), "only something outside")
	close(gate)
}

// Since when a task waits is told right even if the scheduler had been asleep before.
func TestDumpSince(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t, 1)
		time.Sleep(time.Hour) // all workers sleep
		x := s.Go(func(c *task.Ctx) { _ = c.Park() })
		time.Sleep(50 * time.Millisecond)
		require.Regexp(t, `waiting for ready, 50ms\n`, dump(t, s))
		x.Ready()
	})
}

func TestDumpToABadWriter(t *testing.T) {
	s := open(t, 1)
	r, w := io.Pipe()
	mine := errors.New("mine")
	r.CloseWithError(mine)
	require.Equal(t, mine, s.Dump(w))
}

// Tasks come, go, move and wait while a dump is written.
func TestDumpInTheMiddle(t *testing.T) {
	s := open(t, 4)
	n := scale(20_000)
	var left atomic.Int64
	left.Store(int64(n))
	go func() {
		for range n {
			s.Go(func(c *task.Ctx) {
				c.Yield()
				_ = c.Sleep(1)
				_ = c.Go(func(c *task.Ctx) { c.Yield() }, task.Name("child")).WaitContext(c)
				left.Add(-1)
			}, task.Name("some"))
		}
	}()
	for left.Load() > 0 {
		for line := range strings.Lines(dump(t, s)) {
			require.Regexp(t, `^(task ("some" |"child" )?\(\): (running on worker \d|runnable|waiting for .*)|\d+ tasks: .*|every task waits.*)\n$`, line)
		}
	}
}
