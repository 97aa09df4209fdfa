package schedotel

import (
	"context"
	"math"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// The attributes of the metrics. A metric of the scheduler as a whole has the first one only.
const (
	SchedulerKey = attribute.Key("heddle.scheduler") // the name that Register was given
	WorkerKey    = attribute.Key("heddle.worker")    // the worker's index
	FateKey      = attribute.Key("heddle.fate")      // the fate of a submission that met the limit
	LevelKey     = attribute.Key("heddle.level")     // high, normal or low
	TaskKey      = attribute.Key("heddle.task")      // the task's name
)

// A kind is the kind of an instrument.
type kind uint8

const (
	counter kind = iota // only grows
	sum                 // goes up and down, and can be added up over schedulers
	gauge               // goes up and down, and cannot
	timer               // a counter of time: its numbers are in nanoseconds, and shown in seconds
)

// A number is one value of an instrument, with the attributes besides that of the scheduler.
type number struct {
	value int64
	attrs []attribute.KeyValue
}

// An instrument is one that Register makes. All of them are read from the same Stats.
type instrument struct {
	name, unit, help string
	kind             kind
	read             func(st *scheduler.Stats, show func(number))
}

// whole reads a value of the scheduler as a whole.
func whole[N int | uint64](value func(st *scheduler.Stats) N) func(*scheduler.Stats, func(number)) {
	return func(st *scheduler.Stats, show func(number)) { show(number{value: clip(uint64(value(st)))}) }
}

// worker reads a value of each worker. A worker that has left after Resize keeps its counters, so
// that sums over the workers never fall, and shows nothing else.
func worker(k kind, value func(w *scheduler.WorkerStats) int64) func(*scheduler.Stats, func(number)) {
	return func(st *scheduler.Stats, show func(number)) {
		for i := range st.PerWorker {
			if i < st.Workers || k == counter || k == timer {
				show(number{value(&st.PerWorker[i]), []attribute.KeyValue{WorkerKey.Int(i)}})
			}
		}
	}
}

// clip returns n as OpenTelemetry counts, which has no unsigned numbers.
func clip(n uint64) int64 { return int64(min(n, math.MaxInt64)) }

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

var instruments = []instrument{
	{"heddle.workers", "{worker}", "Workers.", sum, whole(func(st *scheduler.Stats) int { return st.Workers })},
	{"heddle.workers.sleeping", "{worker}", "Workers that sleep.", sum,
		whole(func(st *scheduler.Stats) int { return st.Sleeping })},
	{"heddle.paused", "1", "1 while the scheduler is paused.", gauge,
		func(st *scheduler.Stats, show func(number)) { show(number{value: flag(st.Paused)}) }},
	{"heddle.tasks.live", "{task}", "Tasks that were accepted and have not ended.", sum,
		whole(func(st *scheduler.Stats) int { return int(max(0, int64(st.Spawned-st.Finished))) })},
	{"heddle.tasks.queued", "{task}", "Tasks in queues, by level.", sum, levels},
	{"heddle.timers.pending", "{timer}", "Pending timers.", sum,
		whole(func(st *scheduler.Stats) int { return st.Timers })},
	{"heddle.blocking.running", "{call}", "Functions of Blocking that run on goroutines of their own.", sum,
		whole(func(st *scheduler.Stats) int { return st.CallsRunning })},
	{"heddle.blocking.queued", "{call}", "Functions of Blocking that wait for their turn.", sum,
		whole(func(st *scheduler.Stats) int { return st.CallsQueued })},

	{"heddle.tasks.spawned", "{task}", "Tasks accepted.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Spawned })},
	{"heddle.tasks.finished", "{task}", "Tasks ended, in whatever way.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Finished })},
	{"heddle.dispatches", "{dispatch}", "Times a task was put on a worker, by worker.", counter,
		worker(counter, func(w *scheduler.WorkerStats) int64 { return clip(w.Dispatches) })},
	{"heddle.yields", "{yield}", "Times a task gave way by itself.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Yields })},
	{"heddle.preemptions", "{preemption}", "Times a task gave way because its quantum was over.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Preemptions })},
	{"heddle.parks", "{park}", "Times a task was parked.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Parks })},
	{"heddle.steals", "{steal}", "Successful thefts.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Steals })},
	{"heddle.tasks.stolen", "{task}", "Tasks stolen.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Stolen })},
	{"heddle.workers.wakes", "{wake}", "Times a sleeping worker was woken.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Wakes })},
	{"heddle.panics", "{panic}", "Panics that the handler got.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Panics })},
	{"heddle.stalls", "{stall}", "Stalls reported.", counter,
		whole(func(st *scheduler.Stats) uint64 { return st.Stalls })},
	{"heddle.submissions.refused", "{task}", "Submissions refused because the scheduler was shut down or closed.",
		counter, whole(func(st *scheduler.Stats) uint64 { return st.Refused })},
	{"heddle.submissions.limited", "{task}", "Submissions that met the queue limit, by what became of them.",
		counter, fates},
	{"heddle.worker.busy", "s", "Time that the worker was awake.", timer,
		worker(timer, func(w *scheduler.WorkerStats) int64 { return int64(w.Busy) })},
	{"heddle.worker.idle", "s", "Time that the worker slept.", timer,
		worker(timer, func(w *scheduler.WorkerStats) int64 { return int64(w.Idle) })},
	{"heddle.worker.queued", "{task}", "Tasks in the worker's queue.", sum,
		worker(sum, func(w *scheduler.WorkerStats) int64 { return int64(w.Queued) })},
	{"heddle.worker.running", "{task}", "1 while the worker runs a task.", sum,
		worker(sum, func(w *scheduler.WorkerStats) int64 { return flag(w.Task.State() == task.Running) })},
}

func levels(st *scheduler.Stats, show func(number)) {
	by := func(l task.Level, n int) {
		show(number{int64(n), []attribute.KeyValue{LevelKey.String(l.String())}})
	}
	by(task.High, st.QueuedHigh)
	by(task.Normal, max(0, st.Queued-st.QueuedHigh-st.QueuedLow)) // they are read one by one
	by(task.Low, st.QueuedLow)
}

func fates(st *scheduler.Stats, show func(number)) {
	by := func(fate string, n uint64) { show(number{clip(n), []attribute.KeyValue{FateKey.String(fate)}}) }
	by("delayed", st.Delayed)
	by("abandoned", st.Abandoned)
	by("rejected", st.Rejected)
	by("dropped", st.Dropped)
}

// make makes the instrument x. It returns what shows a number of it.
func (x *instrument) make(m metric.Meter) (metric.Observable, func(metric.Observer, int64, metric.MeasurementOption), error) {
	d, u := metric.WithDescription(x.help), metric.WithUnit(x.unit)
	var o metric.Int64Observable
	var err error
	switch x.kind {
	case timer:
		o, err := m.Float64ObservableCounter(x.name, d, u)
		return o, func(out metric.Observer, ns int64, with metric.MeasurementOption) {
			out.ObserveFloat64(o, time.Duration(ns).Seconds(), with)
		}, err
	case counter:
		o, err = m.Int64ObservableCounter(x.name, d, u)
	case sum:
		o, err = m.Int64ObservableUpDownCounter(x.name, d, u)
	default:
		o, err = m.Int64ObservableGauge(x.name, d, u)
	}
	return o, func(out metric.Observer, n int64, with metric.MeasurementOption) { out.ObserveInt64(o, n, with) }, err
}

// Register exports the counters of s by instruments of the meter m, with the attribute
// heddle.scheduler set to name. Several schedulers may use one meter, under names of their own.
// The metrics go on after s was closed, until the registration is ended by its method Unregister.
// The error is the meter's. Register panics if m or s is nil.
func Register(m metric.Meter, name string, s *scheduler.Scheduler) (metric.Registration, error) {
	switch {
	case m == nil:
		panic("schedotel: Register with a nil Meter: pass what the MeterProvider's Meter returned")
	case s == nil:
		panic("schedotel: Register with a nil Scheduler: pass what scheduler.New returned")
	}
	all := make([]metric.Observable, len(instruments))
	observe := make([]func(metric.Observer, int64, metric.MeasurementOption), len(instruments))
	for i := range instruments {
		var err error
		if all[i], observe[i], err = instruments[i].make(m); err != nil {
			return nil, err
		}
	}
	owner := SchedulerKey.String(name)
	return m.RegisterCallback(func(_ context.Context, out metric.Observer) error {
		st := s.Stats()
		for i := range instruments {
			instruments[i].read(&st, func(n number) {
				observe[i](out, n.value, metric.WithAttributes(append(n.attrs, owner)...))
			})
		}
		return nil
	}, all...)
}
