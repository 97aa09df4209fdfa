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

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedhttp"
	"github.com/heddle-go/heddle/task"
)

// serve returns the address of a scheduler with one task that waits.
func serve(t *testing.T) string {
	t.Helper()
	s, err := scheduler.New(scheduler.WithWorkers(2))
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	x := s.Go(func(c *task.Ctx) { _ = c.Park() }, task.Name("waits\x1b[2J"))
	for begin := time.Now(); x.State() != task.Waiting; runtime.Gosched() {
		require.Less(t, time.Since(begin), time.Minute)
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

// In a terminal it redraws until it is interrupted.
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
	if !strings.HasPrefix(string(b), "\x1b[H") || !strings.HasSuffix(string(b), "\x1b[J") {
		return 0, errors.New("not a whole screen: " + string(b))
	}
	if s.n++; s.n == s.after {
		s.done()
	}
	return len(b), nil
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
