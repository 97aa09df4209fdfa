package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedhttp"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/tsync"
)

// serve returns the address of a scheduler with one task that waits.
func serve(t *testing.T) string {
	t.Helper()
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	x := s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name("waits\x1b[2J"))
	for begin := time.Now(); x.State() != task.Waiting; runtime.Gosched() {
		require.Less(t, time.Since(begin), testkit.Patience)
	}
	srv := httptest.NewServer(http.StripPrefix("/x", schedhttp.Handler(s, schedhttp.Name("it"))))
	t.Cleanup(srv.Close)
	return srv.URL + "/x"
}

func TestOnce(t *testing.T) {
	at := serve(t)
	var out, errs strings.Builder
	require.NoError(t, run(t.Context(), []string{"-n", at}, true, &out, &errs))
	require.Contains(t, out.String(), "it: 1 tasks, 0 running, 0 queued; 2 of 2 workers asleep\n")
	require.Regexp(t, `(?m)^ {6}1  waiting   ready                 \S+ +waits\?\[2J$`, out.String())
	require.NotContains(t, out.String(), "\x1b")
	require.Empty(t, errs.String())
}

// Latencies are shown if the scheduler measures them, and deadlocks if it notes waits.
func TestLatenciesAndDeadlocks(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithLatencies(scheduler.Exact), scheduler.WithWaits())
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	var both tsync.WaitGroup
	both.Add(2)
	var locks [2]tsync.Mutex
	for i, name := range []string{"x\x1b[2J", "y"} {
		s.Go(func(c *task.Ctx) {
			locks[i].Lock()
			defer locks[i].Unlock()
			both.Done()
			both.Wait()
			if locks[1-i].LockContext(c) == nil {
				locks[1-i].Unlock()
			}
		}, task.Name(name))
	}
	srv := httptest.NewServer(schedhttp.Handler(s))
	t.Cleanup(srv.Close)
	var text string
	for begin := time.Now(); !strings.Contains(text, "DEADLOCK"); {
		require.Less(t, time.Since(begin), testkit.Patience, text)
		var out strings.Builder
		require.NoError(t, run(t.Context(), []string{"-n", srv.URL}, false, &out, &out))
		text = out.String()
	}
	require.Regexp(t, `(?m)^DEADLOCK: (x\?\[2J -> y -> x\?\[2J|y -> x\?\[2J -> y)$`, text)
	require.Regexp(t, `(?m)^p50 / p99 / p99.9 of the last \S+: queue .+, dispatch .+, timers .+, wakes `, text)
	require.NotContains(t, text, "\x1b")
}

func TestQuantiles(t *testing.T) {
	l := schedhttp.Latencies{OverMS: 250, Queue: schedhttp.Latency{Count: 9, P50MS: 1, P99MS: 2, P999MS: 3}}
	text := render(schedhttp.Scheduler{Latencies: &l}, schedhttp.Scheduler{}, time.Second, schedhttp.GroupList{}, schedhttp.WaitList{})
	require.Contains(t, text, "\np50 / p99 / p99.9 of the last 300ms: queue 1ms / 2ms / 3ms, dispatch -, timers -, wakes -\n")
	l.OverMS = 0
	text = render(schedhttp.Scheduler{Latencies: &l}, schedhttp.Scheduler{}, time.Second, schedhttp.GroupList{}, schedhttp.WaitList{})
	require.Contains(t, text, "\np50 / p99 / p99.9 since it began: queue 1ms")
	require.Equal(t, "-", quantiles(schedhttp.Latency{}))
	require.Equal(t, "123ns / 1.23ms / 12.3s", quantiles(schedhttp.Latency{Count: 1, P50MS: 123e-6, P99MS: 1.234, P999MS: 12345}))
}

// In a terminal, top redraws the screen until it is interrupted.
func TestRedraw(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	out := &screens{after: 2, done: cancel}
	require.NoError(t, run(ctx, []string{serve(t)}, true, out, out))
	require.GreaterOrEqual(t, out.n, 2)
}

// screens counts how often the screen was drawn, and calls done after some.
type screens struct {
	n, after int
	done     func()
}

func (s *screens) Write(b []byte) (int, error) {
	if !strings.HasPrefix(string(b), "\x1b[?7l\x1b[1;1Hit: 1 tasks") || !strings.HasSuffix(string(b), "\x1b[J\x1b[?7h") ||
		strings.Contains(string(b), "\n") {
		return 0, errors.New("not a whole screen: " + string(b))
	}
	if s.n++; s.n == s.after {
		s.done()
	}
	return len(b), nil
}

func TestScreen(t *testing.T) {
	require.Equal(t, "\x1b[?7l\x1b[1;1Ha\x1b[K\x1b[2;1H\x1b[K\x1b[3;1Hb\x1b[K\x1b[J\x1b[?7h", screen("a\n\nb\n"))
}

func TestPhase(t *testing.T) {
	text := render(schedhttp.Scheduler{Name: "a\x1b\u202e", Paused: true}, schedhttp.Scheduler{}, 0, schedhttp.GroupList{}, schedhttp.WaitList{})
	require.Contains(t, text, "a??: 0 tasks, 0 running, 0 queued; 0 of 0 workers asleep, paused\n")
	text = render(schedhttp.Scheduler{Closed: true, Paused: true}, schedhttp.Scheduler{}, 0, schedhttp.GroupList{}, schedhttp.WaitList{})
	require.Contains(t, text, "workers asleep, closed\n")
}

func TestBadArguments(t *testing.T) {
	at := serve(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, "want one URL, not 0 arguments"},
		{[]string{"localhost"}, `"localhost" is no URL`},
		{[]string{"-name", "other", at}, "-name other: the schedulers are it"},
		{[]string{"http://127.0.0.1:1/"}, "refused"},
	} {
		var out strings.Builder
		err := run(t.Context(), append([]string{"-n"}, c.args...), false, &out, &out)
		require.ErrorContains(t, err, c.want)
	}
}
