package schedotel_test

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/heddle-go/heddle/internal/testkit"
	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/scheduler/schedotel"
	"github.com/heddle-go/heddle/task"
)

func open(t testing.TB) *scheduler.Scheduler {
	t.Helper()
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithQueueLimit(3, scheduler.Reject))
	require.NoError(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); runtime.Gosched() {
		require.Less(t, time.Since(begin), testkit.Patience, what)
	}
}

// asleep waits until all workers of s sleep: then Stats is exact.
func asleep(t testing.TB, s *scheduler.Scheduler) {
	t.Helper()
	until(t, "the workers sleep", func() bool { return s.Stats().Sleeping == 2 })
}

// collect returns the points of the metrics by name.
func collect(t testing.TB, r sdk.Reader) map[string][]metricdata.DataPoint[int64] {
	t.Helper()
	var got metricdata.ResourceMetrics
	require.NoError(t, r.Collect(t.Context(), &got))
	out := map[string][]metricdata.DataPoint[int64]{}
	for _, scope := range got.ScopeMetrics {
		for _, m := range scope.Metrics {
			require.NotEmpty(t, m.Description, m.Name)
			require.NotEmpty(t, m.Unit, m.Name)
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				require.Equal(t, metricdata.CumulativeTemporality, d.Temporality)
				out[m.Name] = d.DataPoints
			case metricdata.Sum[float64]: // of seconds: shown as nanoseconds here
				require.Equal(t, "s", m.Unit)
				require.True(t, d.IsMonotonic)
				for _, p := range d.DataPoints {
					out[m.Name] = append(out[m.Name], metricdata.DataPoint[int64]{Attributes: p.Attributes, Value: int64(math.Round(p.Value * 1e9))})
				}
			case metricdata.Gauge[int64]:
				out[m.Name] = d.DataPoints
			default:
				t.Fatalf("%s is a %T", m.Name, d)
			}
		}
	}
	return out
}

// value returns the value of the one point with these attributes.
func value(t testing.TB, points []metricdata.DataPoint[int64], attrs ...attribute.KeyValue) int64 {
	t.Helper()
	want := attribute.NewSet(attrs...)
	at := slices.IndexFunc(points, func(p metricdata.DataPoint[int64]) bool { return p.Attributes.Equals(&want) })
	require.GreaterOrEqual(t, at, 0, "%v in %v", attrs, points)
	return points[at].Value
}

// The metrics show what Stats does, for each of two schedulers on one meter, and go on after Close.
func TestMetrics(t *testing.T) {
	r := sdk.NewManualReader()
	m := sdk.NewMeterProvider(sdk.WithReader(r)).Meter("test")
	s, other := open(t), open(t)
	reg, err := schedotel.Register(m, "it", s)
	require.NoError(t, err)
	_, err = schedotel.Register(m, "other", other)
	require.NoError(t, err)
	for range 10 {
		require.NoError(t, s.Go(func(*task.Ctx) {}).Wait())
	}
	x := s.Go(func(c *task.Ctx) { _ = c.Park() })
	until(t, "it waits", func() bool { return x.State() == task.Waiting })
	asleep(t, s)
	asleep(t, other)
	it, its := schedotel.SchedulerKey.String("it"), s.Stats()
	got := collect(t, r)
	for name, want := range map[string]int64{
		"heddle.workers": 2, "heddle.workers.sleeping": 2, "heddle.paused": 0, "heddle.tasks.live": 1,
		"heddle.timers.pending": 0, "heddle.blocking.running": 0, "heddle.blocking.queued": 0,
		"heddle.tasks.spawned": 11, "heddle.tasks.finished": 10, "heddle.yields": int64(its.Yields),
		"heddle.preemptions": int64(its.Preemptions), "heddle.parks": 1, "heddle.steals": int64(its.Steals),
		"heddle.tasks.stolen": int64(its.Stolen), "heddle.workers.wakes": int64(its.Wakes), "heddle.panics": 0,
		"heddle.stalls": 0, "heddle.submissions.refused": 0,
	} {
		require.Equal(t, want, value(t, got[name], it), name)
		value(t, got[name], schedotel.SchedulerKey.String("other"))
		require.Len(t, got[name], 2, name)
		delete(got, name)
	}
	require.NotZero(t, its.Wakes, "so that a metric shows more than nothing")
	for i, w := range its.PerWorker {
		at := schedotel.WorkerKey.Int(i)
		require.EqualValues(t, w.Dispatches, value(t, got["heddle.dispatches"], it, at))
		require.EqualValues(t, w.Busy, value(t, got["heddle.worker.busy"], it, at))
		require.Positive(t, w.Busy)
		require.LessOrEqual(t, int64(w.Idle), value(t, got["heddle.worker.idle"], it, at), "it goes on to sleep")
		require.Positive(t, value(t, got["heddle.worker.idle"], it, at))
		require.Zero(t, value(t, got["heddle.worker.queued"], it, at))
		require.Zero(t, value(t, got["heddle.worker.running"], it, at))
	}
	for _, fate := range []string{"delayed", "abandoned", "rejected", "dropped"} {
		require.Zero(t, value(t, got["heddle.submissions.limited"], it, schedotel.FateKey.String(fate)))
	}
	for _, l := range []task.Level{task.High, task.Normal, task.Low} {
		require.Zero(t, value(t, got["heddle.tasks.queued"], it, schedotel.LevelKey.String(l.String())))
	}
	for _, name := range []string{
		"heddle.dispatches", "heddle.worker.queued", "heddle.worker.running", "heddle.submissions.limited",
		"heddle.tasks.queued", "heddle.worker.busy", "heddle.worker.idle",
	} {
		delete(got, name)
	}
	require.Empty(t, got, "a metric that no test knows")

	s.Close()
	require.Zero(t, value(t, collect(t, r)["heddle.tasks.live"], it))
	require.ErrorIs(t, s.Go(func(*task.Ctx) {}).Err(), task.ErrClosed)
	require.EqualValues(t, 1, value(t, collect(t, r)["heddle.submissions.refused"], it))
	require.NoError(t, reg.Unregister())
	require.Len(t, collect(t, r)["heddle.tasks.live"], 1)
}

// A worker that runs says so, queues are counted by level, and the queue limit's refusals by fate.
func TestMetricsOfBusyWorkers(t *testing.T) {
	r := sdk.NewManualReader()
	m := sdk.NewMeterProvider(sdk.WithReader(r)).Meter("test")
	s := open(t)
	_, err := schedotel.Register(m, "it", s)
	require.NoError(t, err)
	release := make(chan struct{})
	for range 2 {
		x := s.Go(func(*task.Ctx) { <-release })
		until(t, "it runs", func() bool { return x.State() == task.Running })
	}
	s.Go(func(*task.Ctx) {}, task.Priority(task.Low))
	s.Go(func(*task.Ctx) {}, task.Priority(task.High))
	for range 4 {
		s.Go(func(*task.Ctx) {})
	}
	got, it := collect(t, r), schedotel.SchedulerKey.String("it")
	for i := range 2 {
		require.EqualValues(t, 1, value(t, got["heddle.worker.running"], it, schedotel.WorkerKey.Int(i)))
	}
	for _, l := range []task.Level{task.High, task.Normal, task.Low} {
		require.EqualValues(t, 1, value(t, got["heddle.tasks.queued"], it, schedotel.LevelKey.String(l.String())), l)
	}
	require.EqualValues(t, 3, value(t, got["heddle.submissions.limited"], it, schedotel.FateKey.String("rejected")))
	close(release)
}

// Workers that have left after Resize keep the counters that only grow, and show no others.
func TestMetricsAfterResize(t *testing.T) {
	r := sdk.NewManualReader()
	m := sdk.NewMeterProvider(sdk.WithReader(r)).Meter("test")
	s := open(t)
	_, err := schedotel.Register(m, "it", s)
	require.NoError(t, err)
	require.NoError(t, s.Resize(1))
	got := collect(t, r)
	require.Len(t, got["heddle.dispatches"], 2)
	require.Len(t, got["heddle.worker.busy"], 2)
	require.Len(t, got["heddle.worker.running"], 1)
	require.Len(t, got["heddle.worker.queued"], 1)
}

func TestRegisterMisuse(t *testing.T) {
	m := sdk.NewMeterProvider().Meter("test")
	require.PanicsWithValue(t, "schedotel: Register with a nil Scheduler: pass what scheduler.New returned",
		func() { _, _ = schedotel.Register(m, "it", nil) })
	require.PanicsWithValue(t, "schedotel: Register with a nil Meter: pass what the MeterProvider's Meter returned",
		func() { _, _ = schedotel.Register(nil, "it", open(t)) })
}

// The reader gets the latencies of a scheduler that measures them, and nothing of one that does
// not.
func TestLatencies(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(2), scheduler.WithLatencies(scheduler.Exact), scheduler.WithLatenciesByName(1))
	require.NoError(t, err)
	defer s.Close()
	r := sdk.NewManualReader(sdk.WithProducer(schedotel.NewProducer("it", s)), sdk.WithProducer(schedotel.NewProducer("none", open(t))))
	sdk.NewMeterProvider(sdk.WithReader(r)) // a reader needs one
	for _, name := range []string{"kept", "kept", "other"} {
		require.NoError(t, s.Go(func(*task.Ctx) {}, task.Name(name), task.Priority(task.High)).Wait())
	}
	require.NoError(t, s.Go(func(c *task.Ctx) { _ = c.Sleep(time.Millisecond) }).Wait())
	asleep(t, s)
	l := s.Stats().Latencies
	var all metricdata.ResourceMetrics
	require.NoError(t, r.Collect(t.Context(), &all))
	got := map[string]metricdata.ExponentialHistogramDataPoint[float64]{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			d := m.Data.(metricdata.ExponentialHistogram[float64])
			require.Equal(t, metricdata.CumulativeTemporality, d.Temporality)
			require.Equal(t, "s", m.Unit)
			for _, x := range d.DataPoints {
				key := m.Name
				for _, a := range x.Attributes.ToSlice() {
					if a.Key != schedotel.SchedulerKey {
						key += " " + a.Value.AsString()
					} else {
						require.Equal(t, "it", a.Value.AsString())
					}
				}
				got[key] = x
			}
		}
	}
	kept := l.Names["kept"]
	for key, want := range map[string]scheduler.Histogram{
		"heddle.task.queue high":          l.Levels[task.High].Queue,
		"heddle.task.queue normal":        l.Levels[task.Normal].Queue,
		"heddle.task.queue low":           l.Levels[task.Low].Queue,
		"heddle.task.dispatch high":       l.Levels[task.High].Dispatch,
		"heddle.task.dispatch normal":     l.Levels[task.Normal].Dispatch,
		"heddle.task.dispatch low":        l.Levels[task.Low].Dispatch,
		"heddle.timer.lateness":           l.Timers,
		"heddle.worker.wake":              l.Wakes,
		"heddle.named_task.queue kept":    kept.Queue,
		"heddle.named_task.dispatch kept": kept.Dispatch,
		"heddle.named_task.queue ":        l.Other.Queue,
		"heddle.named_task.dispatch ":     l.Other.Dispatch,
	} {
		x, ok := got[key]
		require.True(t, ok, key)
		require.Equal(t, want.Count(), x.Count, key)
		require.Equal(t, want.Sum().Seconds(), x.Sum, key)
		longest, any := x.Max.Value()
		require.Equal(t, want.Max().Seconds(), longest, key)
		require.Equal(t, want.Count() != 0, any, key)
		require.False(t, x.Time.Before(x.StartTime))
		delete(got, key)
	}
	require.Empty(t, got)
	require.EqualValues(t, 3, l.Levels[task.High].Queue.Count(), "so that the histograms show more than nothing")
	require.EqualValues(t, 2, kept.Queue.Count())
	require.NotZero(t, l.Timers.Count())
	require.NotZero(t, l.Wakes.Count())
	require.PanicsWithValue(t, "schedotel: NewProducer with a nil Scheduler: pass what scheduler.New returned",
		func() { schedotel.NewProducer("it", nil) })
}
