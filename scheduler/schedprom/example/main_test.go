package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler/schedprom"
)

// start runs the example until the end of the test, and returns the address of its metrics.
func start(t *testing.T) string {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	out, w := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"-listen", "127.0.0.1:0"}, w, io.Discard) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	at, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	return strings.TrimSpace(at)
}

func get(t *testing.T, at string) string {
	t.Helper()
	r, err := http.Get(at)
	require.NoError(t, err)
	defer r.Body.Close()
	b, err := io.ReadAll(r.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, r.StatusCode, "%s", b)
	return string(b)
}

// queries returns what the panels of the dashboard ask for.
func queries(t *testing.T) (exprs []string) {
	t.Helper()
	var d struct {
		Panels []struct{ Targets []struct{ Expr string } }
	}
	require.NoError(t, json.Unmarshal([]byte(schedprom.Dashboard), &d))
	for _, p := range d.Panels {
		for _, x := range p.Targets {
			exprs = append(exprs, x.Expr)
		}
	}
	require.NotEmpty(t, exprs)
	return exprs
}

func TestMetrics(t *testing.T) {
	at := start(t)
	for _, want := range []string{
		`heddle_tasks_spawned_total{scheduler="example"} `,
		`heddle_task_queue_seconds_bucket{level="normal",scheduler="example",le="+Inf"} `,
		`heddle_named_task_dispatch_seconds_count{scheduler="example",task="work"} `,
	} {
		for begin := time.Now(); !strings.Contains(get(t, at), want); runtime.Gosched() {
			require.Less(t, time.Since(begin), testkit.Patience, want)
		}
	}
	var errs bytes.Buffer
	require.Error(t, run(context.Background(), []string{"-listen", "nowhere"}, io.Discard, &errs))
	require.Error(t, run(context.Background(), []string{"-what"}, io.Discard, &errs))
	require.Contains(t, errs.String(), "-what")
}

// A real Prometheus scrapes the example, reads its histograms in both forms, and answers each query
// of the dashboard. It is skipped where there is no Prometheus, but not in CI, which installs it.
func TestPrometheus(t *testing.T) {
	path, err := exec.LookPath("prometheus")
	if err != nil && os.Getenv("CI") == "" {
		t.Skip("there is no Prometheus: apt-get install prometheus")
	}
	require.NoError(t, err)
	target, err := url.Parse(start(t))
	require.NoError(t, err)
	dir := t.TempDir()
	config := filepath.Join(dir, "prometheus.yml")
	require.NoError(t, os.WriteFile(config, []byte(`
global: {scrape_interval: 1s, scrape_timeout: 1s}
scrape_configs:
  - job_name: heddle
    static_configs: [{targets: ["`+target.Host+`"]}]
`), 0o600))
	l, err := net.Listen("tcp", "127.0.0.1:0") // for a port that is free
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	var log bytes.Buffer
	cmd := exec.Command(path, "--config.file="+config, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address="+addr, "--enable-feature=native-histograms")
	cmd.Stdout, cmd.Stderr = &log, &log
	require.NoError(t, cmd.Start())
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(log.String())
		}
	})

	// query returns how many series of numbers, not of NaN, Prometheus answers with.
	query := func(expr string) (series int, err error) {
		r, err := http.Get("http://" + addr + "/api/v1/query?query=" + url.QueryEscape(expr))
		if err != nil {
			return 0, err // it is starting
		}
		defer r.Body.Close()
		var answer struct {
			Status, Error string
			Data          struct{ Result []struct{ Value []any } }
		}
		if err := json.NewDecoder(r.Body).Decode(&answer); err != nil {
			return 0, err
		}
		if r.StatusCode == http.StatusBadRequest {
			t.Fatalf("%s: %s", expr, answer.Error)
		}
		for _, x := range answer.Data.Result {
			if len(x.Value) == 2 && x.Value[1] != "NaN" {
				series++
			}
		}
		return series, nil
	}
	until := func(expr string) {
		var n int
		pause := time.NewTicker(20 * time.Millisecond) // leaves the processor to Prometheus
		defer pause.Stop()
		for begin := time.Now(); n == 0; {
			select {
			case err := <-ended:
				ended <- err
				t.Fatalf("Prometheus has ended: %v", err)
			case <-pause.C:
			}
			n, err = query(expr)
			require.Less(t, time.Since(begin), testkit.Patience, "%s: %v", expr, err)
		}
	}
	until(`heddle_tasks_finished_total{scheduler="example"} > 0`)
	for _, of := range []string{"task_queue", "task_dispatch", "timer_lateness", "named_task_queue", "named_task_dispatch"} {
		until(fmt.Sprintf("histogram_quantile(0.99, sum(rate(heddle_%s_seconds[1m]))) > 0", of)) // native
		until(fmt.Sprintf("histogram_count(sum(heddle_%s_seconds)) > 0", of))
	}
	for _, expr := range queries(t) {
		expr = strings.NewReplacer("$__rate_interval", "1m", "$__range", "1m", "$scheduler", ".*", "$instance", ".*").Replace(expr)
		until(expr)
	}
}
