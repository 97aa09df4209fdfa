package schedprom_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedprom"
	"github.com/heddle-go/heddle/task"
)

func open(t *testing.T) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithQueueLimit(3, scheduler.Reject))
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// The metrics pass the linter of Prometheus, and show what Stats does.
func TestMetrics(t *testing.T) {
	s := open(t)
	for range 10 {
		require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
	}
	x := s.Go(func(c *task.Ctx) { _ = c.Park() })
	for begin := time.Now(); x.State() != task.Waiting || s.Stats().Sleeping != 2; runtime.Gosched() {
		require.Less(t, time.Since(begin), testkit.Patience)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(schedprom.NewCollector("it", s), schedprom.NewCollector("other", open(t)))
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)

	want := `
# HELP heddle_tasks_live Tasks that were accepted and have not ended.
# TYPE heddle_tasks_live gauge
heddle_tasks_live{scheduler="it"} 1
heddle_tasks_live{scheduler="other"} 0
# HELP heddle_tasks_finished_total Tasks ended, in whatever way.
# TYPE heddle_tasks_finished_total counter
heddle_tasks_finished_total{scheduler="it"} 10
heddle_tasks_finished_total{scheduler="other"} 0
# HELP heddle_workers_sleeping Workers that sleep.
# TYPE heddle_workers_sleeping gauge
heddle_workers_sleeping{scheduler="it"} 2
heddle_workers_sleeping{scheduler="other"} 2
# HELP heddle_worker_running 1 while the worker runs a task.
# TYPE heddle_worker_running gauge
heddle_worker_running{scheduler="it",worker="0"} 0
heddle_worker_running{scheduler="it",worker="1"} 0
heddle_worker_running{scheduler="other",worker="0"} 0
heddle_worker_running{scheduler="other",worker="1"} 0
`
	for begin := time.Now(); ; runtime.Gosched() { // until the other one's workers sleep too
		err := testutil.GatherAndCompare(reg, strings.NewReader(want), "heddle_tasks_live", "heddle_tasks_finished_total",
			"heddle_workers_sleeping", "heddle_worker_running")
		if err == nil {
			break
		}
		require.Less(t, time.Since(begin), testkit.Patience, err)
	}
	x.Cancel()
}

// What the queue limit refuses is counted by its fate, and a worker that runs says so.
func TestFates(t *testing.T) {
	s := open(t)
	release := make(chan struct{})
	hogs := []task.Task{s.Go(func(*task.Ctx) { <-release }), s.Go(func(*task.Ctx) { <-release })}
	for begin := time.Now(); hogs[0].State() != task.Running || hogs[1].State() != task.Running; runtime.Gosched() {
		require.Less(t, time.Since(begin), testkit.Patience)
	}
	for range 5 {
		s.Go(func(*task.Ctx) {})
	}
	require.NoError(t, testutil.CollectAndCompare(schedprom.NewCollector("it", s), strings.NewReader(`
# HELP heddle_submissions_limited_total Submissions that met the queue limit, by what became of them.
# TYPE heddle_submissions_limited_total counter
heddle_submissions_limited_total{fate="abandoned",scheduler="it"} 0
heddle_submissions_limited_total{fate="delayed",scheduler="it"} 0
heddle_submissions_limited_total{fate="dropped",scheduler="it"} 0
heddle_submissions_limited_total{fate="rejected",scheduler="it"} 2
# HELP heddle_worker_running 1 while the worker runs a task.
# TYPE heddle_worker_running gauge
heddle_worker_running{scheduler="it",worker="0"} 1
heddle_worker_running{scheduler="it",worker="1"} 1
`), "heddle_submissions_limited_total", "heddle_worker_running"))
	close(release)
	require.NoError(t, s.Close())
	s.Go(func(*task.Ctx) {})
	require.NoError(t, testutil.CollectAndCompare(schedprom.NewCollector("it", s), strings.NewReader(`
# HELP heddle_submissions_refused_total Submissions refused because the scheduler was shut down or closed.
# TYPE heddle_submissions_refused_total counter
heddle_submissions_refused_total{scheduler="it"} 1
`), "heddle_submissions_refused_total"))
}

// Each metric that a panel or a variable of the dashboard asks for is one that the collector
// exports, and each query that takes a rate takes it of a counter.
func TestDashboard(t *testing.T) {
	exported := map[string]string{} // kinds by name
	descs := make(chan *prometheus.Desc, 100)
	schedprom.NewCollector("it", open(t)).Describe(descs)
	close(descs)
	name := regexp.MustCompile(`fqName: "([a-z_]+)"`)
	for d := range descs {
		n := name.FindStringSubmatch(d.String())[1]
		switch {
		case strings.HasSuffix(n, "_total"):
			exported[n] = "counter"
		case strings.HasSuffix(n, "_seconds"):
			exported[n], exported[n+"_bucket"] = "counter", "counter"
		default:
			exported[n] = "gauge"
		}
	}
	var d struct {
		Title      string
		Panels     []struct{ Targets []struct{ Expr string } }
		Templating struct{ List []struct{ Definition string } }
	}
	require.NoError(t, json.Unmarshal([]byte(schedprom.Dashboard), &d))
	require.Equal(t, "heddle", d.Title)
	var exprs []string
	for _, p := range d.Panels {
		require.NotEmpty(t, p.Targets)
		for _, x := range p.Targets {
			require.Contains(t, x.Expr, "$scheduler", "it shows only the schedulers that were chosen")
			exprs = append(exprs, x.Expr)
		}
	}
	for _, v := range d.Templating.List {
		exprs = append(exprs, v.Definition)
	}
	metric := regexp.MustCompile(`(rate\(|increase\()?\b(heddle_[a-z_]+)`)
	used := 0
	for _, expr := range exprs {
		for _, m := range metric.FindAllStringSubmatch(expr, -1) {
			used++
			want := "gauge"
			if m[1] != "" {
				want = "counter"
			}
			require.Equal(t, want, exported[m[2]], expr)
		}
	}
	require.Greater(t, used, 30)
}

func TestNil(t *testing.T) {
	require.PanicsWithValue(t, "schedprom: NewCollector with a nil Scheduler: pass what scheduler.New returned",
		func() { schedprom.NewCollector("it", nil) })
}

// Without latencies there are no histograms, and with them they show what Stats does, in both
// forms.
func TestLatencies(t *testing.T) {
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(schedprom.NewCollector("none", open(t)))
	all, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range all {
		require.NotEqual(t, dto.MetricType_HISTOGRAM, f.GetType(), f.GetName())
	}

	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithLatencies(scheduler.Exact), scheduler.WithLatenciesByName(1))
	require.NoError(t, err)
	defer s.Close()
	for _, name := range []string{"kept", "kept", "other"} {
		require.NoError(t, s.Go(func(*task.Ctx) {}, task.Name(name), task.Priority(task.High)).Wait())
	}
	require.NoError(t, s.Go(func(c *task.Ctx) { _ = c.Sleep(time.Millisecond) }).Wait())
	for begin := time.Now(); s.Stats().Sleeping != 2; runtime.Gosched() {
		require.Less(t, time.Since(begin), testkit.Patience)
	}
	reg = prometheus.NewPedanticRegistry()
	reg.MustRegister(schedprom.NewCollector("it", s))
	problems, err := testutil.GatherAndLint(reg)
	require.NoError(t, err)
	require.Empty(t, problems)
	all, err = reg.Gather()
	require.NoError(t, err)
	got := map[string]*dto.Histogram{}
	for _, f := range all {
		for _, m := range f.GetMetric() {
			if m.GetHistogram() != nil {
				key := f.GetName()
				for _, l := range m.GetLabel() {
					if l.GetName() != "scheduler" {
						key += " " + l.GetValue()
					}
				}
				got[key] = m.GetHistogram()
			}
		}
	}
	l := s.Stats().Latencies
	kept := l.Names["kept"]
	for key, want := range map[string]scheduler.Histogram{
		"heddle_task_queue_seconds high":          l.Levels[task.High].Queue,
		"heddle_task_queue_seconds normal":        l.Levels[task.Normal].Queue,
		"heddle_task_queue_seconds low":           l.Levels[task.Low].Queue,
		"heddle_task_dispatch_seconds high":       l.Levels[task.High].Dispatch,
		"heddle_task_dispatch_seconds normal":     l.Levels[task.Normal].Dispatch,
		"heddle_task_dispatch_seconds low":        l.Levels[task.Low].Dispatch,
		"heddle_timer_lateness_seconds":           l.Timers,
		"heddle_worker_wake_seconds":              l.Wakes,
		"heddle_named_task_queue_seconds kept":    kept.Queue,
		"heddle_named_task_dispatch_seconds kept": kept.Dispatch,
		"heddle_named_task_queue_seconds ":        l.Other.Queue,
		"heddle_named_task_dispatch_seconds ":     l.Other.Dispatch,
	} {
		h := got[key]
		require.NotNil(t, h, key)
		require.Equal(t, want.Count(), h.GetSampleCount(), key)
		require.Equal(t, want.Sum().Seconds(), h.GetSampleSum(), key)
		require.NotEmpty(t, h.GetPositiveSpan(), "it is native: %s", key)
		require.Equal(t, !strings.Contains(key, "named"), len(h.GetBucket()) > 0, key)
		delete(got, key)
	}
	require.Empty(t, got)
	require.EqualValues(t, 3, l.Levels[task.High].Queue.Count(), "so that the histograms show more than nothing")
	require.EqualValues(t, 2, kept.Queue.Count())
	require.NotZero(t, l.Timers.Count())
	require.NotZero(t, l.Wakes.Count())
}

// A service registers the collector and serves /metrics.
func Example() {
	sched, err := scheduler.New(scheduler.WithWorkers(2))
	if err != nil {
		panic(err)
	}
	defer sched.Close()
	reg := prometheus.NewRegistry()
	reg.MustRegister(schedprom.NewCollector("requests", sched))
	srv := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{}))
	defer srv.Close()

	if err := sched.Go(func(*task.Ctx) {}).Wait(); err != nil {
		panic(err)
	}
	resp, err := http.Get(srv.URL)
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		panic(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "heddle_tasks_spawned_total") {
			fmt.Print(line)
		}
	}
	// Output: heddle_tasks_spawned_total{scheduler="requests"} 1
}
