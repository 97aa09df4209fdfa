package schedprom_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"

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
		require.Less(t, time.Since(begin), time.Minute)
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
		require.Less(t, time.Since(begin), time.Minute, err)
	}
	x.Cancel()
}

// What the queue limit refuses is counted by its fate, and a worker that runs says so.
func TestFates(t *testing.T) {
	s := open(t)
	release := make(chan struct{})
	hogs := []task.Task{s.Go(func(*task.Ctx) { <-release }), s.Go(func(*task.Ctx) { <-release })}
	for begin := time.Now(); hogs[0].State() != task.Running || hogs[1].State() != task.Running; runtime.Gosched() {
		require.Less(t, time.Since(begin), time.Minute)
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
}

func TestNil(t *testing.T) {
	require.PanicsWithValue(t, "schedprom: NewCollector with a nil Scheduler: pass what scheduler.New returned",
		func() { schedprom.NewCollector("it", nil) })
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
