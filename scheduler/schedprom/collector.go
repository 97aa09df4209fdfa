// Package schedprom exports the counters and latencies of schedulers to Prometheus.
//
//	prometheus.MustRegister(schedprom.NewCollector("requests", sched))
//
// Each metric has the label scheduler. The counters are those of [scheduler.Stats], which says what
// they mean; a scrape reads them and costs the workers nothing.
//
// # Latencies
//
// With [scheduler.WithLatencies] there are histograms, too: how long tasks wait in queues and run,
// by level, how late timers are, and how long waking a worker takes. Each is both a native
// histogram, in steps of 2^(1/8), and a classic one, in steps of 2 from 256 ns to 17 s. Prometheus
// scrapes the native form if it runs with --enable-feature=native-histograms. A duration of the
// native form counts up to an eighth too long, because the scheduler's own buckets end at other
// bounds. With [scheduler.WithLatenciesByName] the tasks' names have native histograms.
// If the scheduler samples, the counts of the tasks' histograms are those of the samples.
//
// # Dashboard
//
// [Dashboard] is a dashboard for Grafana, to be imported as it is. Its panels take histograms of
// either form. The program in the folder example serves /metrics for it.
//
// # Package expvar
//
// To publish Stats by package expvar instead needs one line, and nothing of this package:
//
//	expvar.Publish("heddle", expvar.Func(func() any { return sched.Stats() }))
//
// The package is a module of its own, so that heddle itself needs no client of Prometheus.
package schedprom

import (
	_ "embed"
	"maps"
	"slices"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// Dashboard is a dashboard for Grafana 9 and later, as JSON. It shows what [NewCollector] exports,
// of any number of processes and schedulers, and asks for the data source when it is imported.
//
//go:embed dashboard.json
var Dashboard string

// A metric is one that a collector exports, from one reading of the scheduler's Stats.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	labels     []string // besides scheduler
	read       func(st *scheduler.Stats, show func(value float64, labels ...string))
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

// whole reads a value of the scheduler as a whole.
func whole[N int | uint64](value func(st *scheduler.Stats) N) func(*scheduler.Stats, func(float64, ...string)) {
	return func(st *scheduler.Stats, show func(float64, ...string)) { show(float64(value(st))) }
}

// worker reads a value of each worker. A worker that has left after Resize keeps its counters, so
// that sums over the workers never fall, and has no gauges.
func worker(kind prometheus.ValueType, value func(w *scheduler.WorkerStats) float64) func(*scheduler.Stats, func(float64, ...string)) {
	return func(st *scheduler.Stats, show func(float64, ...string)) {
		for i := range st.PerWorker {
			if i < st.Workers || kind == counter {
				show(value(&st.PerWorker[i]), strconv.Itoa(i))
			}
		}
	}
}

var byWorker = []string{"worker"}

var metrics = []metric{
	{"workers", "Workers.", gauge, nil, whole(func(st *scheduler.Stats) int { return st.Workers })},
	{"workers_sleeping", "Workers that sleep.", gauge, nil, whole(func(st *scheduler.Stats) int { return st.Sleeping })},
	{"paused", "1 while the scheduler is paused.", gauge, nil,
		func(st *scheduler.Stats, show func(float64, ...string)) { show(number(st.Paused)) }},
	{"tasks_live", "Tasks that were accepted and have not ended.", gauge, nil,
		whole(func(st *scheduler.Stats) int { return int(max(0, int64(st.Spawned-st.Finished))) })},
	{"tasks_queued", "Tasks in queues, by level.", gauge, []string{"level"}, levels},
	{"timers_pending", "Pending timers.", gauge, nil, whole(func(st *scheduler.Stats) int { return st.Timers })},
	{"blocking_calls_running", "Functions of Blocking that run on goroutines of their own.", gauge, nil,
		whole(func(st *scheduler.Stats) int { return st.CallsRunning })},
	{"blocking_calls_queued", "Functions of Blocking that wait for their turn.", gauge, nil,
		whole(func(st *scheduler.Stats) int { return st.CallsQueued })},

	{"tasks_spawned_total", "Tasks accepted.", counter, nil, whole(func(st *scheduler.Stats) uint64 { return st.Spawned })},
	{"tasks_finished_total", "Tasks ended, in whatever way.", counter, nil,
		whole(func(st *scheduler.Stats) uint64 { return st.Finished })},
	{"dispatches_total", "Times a task was put on a worker.", counter, nil,
		whole(func(st *scheduler.Stats) uint64 { return st.Dispatches })},
	{"yields_total", "Times a task gave way by itself.", counter, nil, whole(func(st *scheduler.Stats) uint64 { return st.Yields })},
	{"preemptions_total", "Times a task gave way because its quantum was over.", counter, nil,
		whole(func(st *scheduler.Stats) uint64 { return st.Preemptions })},
	{"parks_total", "Times a task was parked.", counter, nil, whole(func(st *scheduler.Stats) uint64 { return st.Parks })},
	{"steals_total", "Successful thefts.", counter, nil, whole(func(st *scheduler.Stats) uint64 { return st.Steals })},
	{"tasks_stolen_total", "Tasks stolen.", counter, nil, whole(func(st *scheduler.Stats) uint64 { return st.Stolen })},
	{"worker_wakes_total", "Times a sleeping worker was woken.", counter, nil,
		whole(func(st *scheduler.Stats) uint64 { return st.Wakes })},
	{"panics_total", "Panics that the handler got.", counter, nil, whole(func(st *scheduler.Stats) uint64 { return st.Panics })},
	{"stalls_total", "Stalls reported.", counter, nil, whole(func(st *scheduler.Stats) uint64 { return st.Stalls })},
	{"submissions_refused_total", "Submissions refused because the scheduler was shut down or closed.", counter, nil,
		whole(func(st *scheduler.Stats) uint64 { return st.Refused })},
	{"submissions_limited_total", "Submissions that met the queue limit, by what became of them.", counter, []string{"fate"}, fates},

	{"worker_dispatches_total", "Times a task was put on the worker.", counter, byWorker,
		worker(counter, func(w *scheduler.WorkerStats) float64 { return float64(w.Dispatches) })},
	{"worker_busy_seconds_total", "Time that the worker was awake.", counter, byWorker,
		worker(counter, func(w *scheduler.WorkerStats) float64 { return w.Busy.Seconds() })},
	{"worker_idle_seconds_total", "Time that the worker slept.", counter, byWorker,
		worker(counter, func(w *scheduler.WorkerStats) float64 { return w.Idle.Seconds() })},
	{"worker_tasks_queued", "Tasks in the worker's queue.", gauge, byWorker,
		worker(gauge, func(w *scheduler.WorkerStats) float64 { return float64(w.Queued) })},
	{"worker_running", "1 while the worker runs a task.", gauge, byWorker,
		worker(gauge, func(w *scheduler.WorkerStats) float64 { return number(w.Task.State() == task.Running) })},
}

func levels(st *scheduler.Stats, show func(float64, ...string)) {
	show(float64(st.QueuedHigh), task.High.String())
	// Queues are counted at slightly different moments.
	show(float64(max(0, st.Queued-st.QueuedHigh-st.QueuedLow)), task.Normal.String())
	show(float64(st.QueuedLow), task.Low.String())
}

func fates(st *scheduler.Stats, show func(float64, ...string)) {
	show(float64(st.Delayed), "delayed")
	show(float64(st.Abandoned), "abandoned")
	show(float64(st.Rejected), "rejected")
	show(float64(st.Dropped), "dropped")
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// A distribution is a histogram that a collector exports if the scheduler measures latencies.
type distribution struct {
	name, help string
	labels     []string // besides scheduler
	classic    bool     // export the classic form, too
	read       func(l *scheduler.Latencies, show func(h scheduler.Histogram, labels ...string))
}

var distributions = []distribution{
	{"task_queue_seconds", "How long tasks wait for a worker, by level.", []string{"level"}, true,
		byLevel(func(l *scheduler.TaskLatencies) scheduler.Histogram { return l.Queue })},
	{"task_dispatch_seconds", "How long tasks keep their worker, by level.", []string{"level"}, true,
		byLevel(func(l *scheduler.TaskLatencies) scheduler.Histogram { return l.Dispatch })},
	{"timer_lateness_seconds", "How much later than due timers are fired.", nil, true,
		func(l *scheduler.Latencies, show func(scheduler.Histogram, ...string)) { show(l.Timers) }},
	{"worker_wake_seconds", "How long waking a worker takes.", nil, true,
		func(l *scheduler.Latencies, show func(scheduler.Histogram, ...string)) { show(l.Wakes) }},
	{"named_task_queue_seconds", "How long tasks wait for a worker, by the task's name.", []string{"task"}, false,
		byName(func(l *scheduler.TaskLatencies) scheduler.Histogram { return l.Queue })},
	{"named_task_dispatch_seconds", "How long tasks keep their worker, by the task's name.", []string{"task"}, false,
		byName(func(l *scheduler.TaskLatencies) scheduler.Histogram { return l.Dispatch })},
}

func byLevel(
	of func(l *scheduler.TaskLatencies) scheduler.Histogram,
) func(*scheduler.Latencies, func(scheduler.Histogram, ...string)) {
	return func(l *scheduler.Latencies, show func(scheduler.Histogram, ...string)) {
		for _, at := range []task.Level{task.High, task.Normal, task.Low} {
			show(of(&l.Levels[at]), at.String())
		}
	}
}

// byName reads the histogram of each name, and under the label "" that of all names together that
// came after the limit.
func byName(
	of func(l *scheduler.TaskLatencies) scheduler.Histogram,
) func(*scheduler.Latencies, func(scheduler.Histogram, ...string)) {
	return func(l *scheduler.Latencies, show func(scheduler.Histogram, ...string)) {
		for _, name := range slices.Sorted(maps.Keys(l.Names)) {
			at := l.Names[name]
			show(of(&at), name)
		}
		if other := of(&l.Other); other.Count() != 0 {
			show(other, "")
		}
	}
}

// A collector implements [prometheus.Collector].
type collector struct {
	s             *scheduler.Scheduler
	metrics       []*prometheus.Desc // of metrics
	distributions []*prometheus.Desc // of distributions
}

// NewCollector returns a collector for s, whose metrics have the label scheduler="name". It may be
// collected at any time, also after s was closed. It panics if s is nil.
func NewCollector(name string, s *scheduler.Scheduler) prometheus.Collector {
	if s == nil {
		panic("schedprom: NewCollector with a nil Scheduler: pass what scheduler.New returned")
	}
	of := prometheus.Labels{"scheduler": name}
	c := &collector{s: s}
	for _, m := range metrics {
		c.metrics = append(c.metrics, prometheus.NewDesc("heddle_"+m.name, m.help, m.labels, of))
	}
	for _, d := range distributions {
		c.distributions = append(c.distributions, prometheus.NewDesc("heddle_"+d.name, d.help, d.labels, of))
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range slices.Concat(c.metrics, c.distributions) {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	st := c.s.Stats()
	for i, m := range metrics {
		m.read(&st, func(v float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(c.metrics[i], m.kind, v, labels...)
		})
	}
	if st.Latencies == nil {
		return
	}
	for i, d := range distributions {
		d.read(st.Latencies, func(h scheduler.Histogram, labels ...string) {
			out <- &histogram{c.distributions[i], prometheus.MakeLabelPairs(c.distributions[i], labels), h, d.classic}
		})
	}
}
