// Package schedprom exports the counters of schedulers to Prometheus.
//
//	prometheus.MustRegister(schedprom.NewCollector("requests", sched))
//
// Each metric has the label scheduler. The counters are those of [scheduler.Stats], which says what
// they mean; a scrape reads them and costs the workers nothing. To publish Stats by package expvar
// instead needs one line:
//
//	expvar.Publish("heddle", expvar.Func(func() any { return sched.Stats() }))
//
// The package is a module of its own, so that heddle itself needs no client of Prometheus.
package schedprom

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A metric is one that a collector exports for the scheduler as a whole.
type metric struct {
	name, help string
	kind       prometheus.ValueType
	value      func(st *scheduler.Stats) float64
}

const (
	counter = prometheus.CounterValue
	gauge   = prometheus.GaugeValue
)

var metrics = []metric{
	{"workers", "Workers.", gauge, func(st *scheduler.Stats) float64 { return float64(st.Workers) }},
	{"workers_sleeping", "Workers that sleep.", gauge, func(st *scheduler.Stats) float64 { return float64(st.Sleeping) }},
	{"paused", "1 while the scheduler is paused.", gauge, func(st *scheduler.Stats) float64 { return number(st.Paused) }},
	{"tasks_live", "Tasks that were accepted and have not ended.", gauge, func(st *scheduler.Stats) float64 {
		return float64(max(0, int64(st.Spawned-st.Finished))) // workers publish the two at different times
	}},
	{"tasks_queued", "Tasks in queues.", gauge, func(st *scheduler.Stats) float64 { return float64(st.Queued) }},
	{"timers_pending", "Pending timers.", gauge, func(st *scheduler.Stats) float64 { return float64(st.Timers) }},
	{"blocking_calls_running", "Functions of Blocking that run on goroutines of their own.", gauge,
		func(st *scheduler.Stats) float64 { return float64(st.CallsRunning) }},
	{"blocking_calls_queued", "Functions of Blocking that wait for their turn.", gauge,
		func(st *scheduler.Stats) float64 { return float64(st.CallsQueued) }},

	{"tasks_spawned_total", "Tasks accepted.", counter, func(st *scheduler.Stats) float64 { return float64(st.Spawned) }},
	{"tasks_finished_total", "Tasks ended, in whatever way.", counter, func(st *scheduler.Stats) float64 { return float64(st.Finished) }},
	{"dispatches_total", "Times a task was put on a worker.", counter, func(st *scheduler.Stats) float64 { return float64(st.Dispatches) }},
	{"yields_total", "Times a task gave way by itself.", counter, func(st *scheduler.Stats) float64 { return float64(st.Yields) }},
	{"preemptions_total", "Times a task gave way because its quantum was over.", counter,
		func(st *scheduler.Stats) float64 { return float64(st.Preemptions) }},
	{"parks_total", "Times a task was parked.", counter, func(st *scheduler.Stats) float64 { return float64(st.Parks) }},
	{"steals_total", "Successful thefts.", counter, func(st *scheduler.Stats) float64 { return float64(st.Steals) }},
	{"tasks_stolen_total", "Tasks stolen.", counter, func(st *scheduler.Stats) float64 { return float64(st.Stolen) }},
	{"worker_wakes_total", "Times a sleeping worker was woken.", counter, func(st *scheduler.Stats) float64 { return float64(st.Wakes) }},
	{"panics_total", "Panics that the handler got.", counter, func(st *scheduler.Stats) float64 { return float64(st.Panics) }},
	{"stalls_total", "Stalls reported.", counter, func(st *scheduler.Stats) float64 { return float64(st.Stalls) }},
}

// policies are the fates of submissions under a queue limit, the label fate of one metric.
var policies = []struct {
	name  string
	value func(st *scheduler.Stats) uint64
}{
	{"delayed", func(st *scheduler.Stats) uint64 { return st.Delayed }},
	{"abandoned", func(st *scheduler.Stats) uint64 { return st.Abandoned }},
	{"rejected", func(st *scheduler.Stats) uint64 { return st.Rejected }},
	{"dropped", func(st *scheduler.Stats) uint64 { return st.Dropped }},
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// A collector implements [prometheus.Collector].
type collector struct {
	s          *scheduler.Scheduler
	whole      []*prometheus.Desc // of metrics
	limited    *prometheus.Desc
	dispatches *prometheus.Desc // by worker
	queued     *prometheus.Desc // by worker
	runs       *prometheus.Desc // by worker
}

// NewCollector returns a collector for s, whose metrics have the label scheduler="name". It may be
// collected at any time, also after s was closed. It panics if s is nil.
func NewCollector(name string, s *scheduler.Scheduler) prometheus.Collector {
	if s == nil {
		panic("schedprom: NewCollector with a nil Scheduler: pass what scheduler.New returned")
	}
	labels := prometheus.Labels{"scheduler": name}
	desc := func(name, help string, by ...string) *prometheus.Desc {
		return prometheus.NewDesc("heddle_"+name, help, by, labels)
	}
	c := &collector{
		s:          s,
		limited:    desc("submissions_limited_total", "Submissions that met the queue limit, by what became of them.", "fate"),
		dispatches: desc("worker_dispatches_total", "Times a task was put on the worker.", "worker"),
		queued:     desc("worker_tasks_queued", "Tasks in the worker's queue.", "worker"),
		runs:       desc("worker_running", "1 while the worker runs a task.", "worker"),
	}
	for _, m := range metrics {
		c.whole = append(c.whole, desc(m.name, m.help))
	}
	return c
}

// Describe implements [prometheus.Collector].
func (c *collector) Describe(out chan<- *prometheus.Desc) {
	for _, d := range c.whole {
		out <- d
	}
	for _, d := range []*prometheus.Desc{c.limited, c.dispatches, c.queued, c.runs} {
		out <- d
	}
}

// Collect implements [prometheus.Collector].
func (c *collector) Collect(out chan<- prometheus.Metric) {
	st := c.s.Stats()
	for i, m := range metrics {
		out <- prometheus.MustNewConstMetric(c.whole[i], m.kind, m.value(&st))
	}
	for _, p := range policies {
		out <- prometheus.MustNewConstMetric(c.limited, counter, float64(p.value(&st)), p.name)
	}
	for i, w := range st.PerWorker {
		at := strconv.Itoa(i)
		// A worker that has left keeps its counter, so that sums over the workers never fall.
		out <- prometheus.MustNewConstMetric(c.dispatches, counter, float64(w.Dispatches), at)
		if i < st.Workers {
			out <- prometheus.MustNewConstMetric(c.queued, gauge, float64(w.Queued), at)
			out <- prometheus.MustNewConstMetric(c.runs, gauge, number(w.Task.State() == task.Running), at)
		}
	}
}
