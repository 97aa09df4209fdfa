package schedotel

import (
	"context"
	"iter"
	"maps"
	"math"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
)

// A producer implements [sdkmetric.Producer].
type producer struct {
	s     *scheduler.Scheduler
	owner attribute.KeyValue
	since time.Time
}

// NewProducer returns a producer of the latencies of s, with the attribute heddle.scheduler set to
// name. It produces nothing if s was made without [scheduler.WithLatencies]. Make it soon after s,
// because the histograms say that they begin when it was made. NewProducer panics if s is nil.
//
// A duration counts up to an eighth too long, because the scheduler's own buckets end at other
// bounds than exponential ones. The sum and the maximum are exact.
func NewProducer(name string, s *scheduler.Scheduler) sdkmetric.Producer {
	if s == nil {
		panic("schedotel: NewProducer with a nil Scheduler: pass what scheduler.New returned")
	}
	return &producer{s, SchedulerKey.String(name), time.Now()}
}

// A distribution is a histogram of a producer.
type distribution struct {
	name, help string
	read       func(l *scheduler.Latencies, show func(h scheduler.Histogram, attrs ...attribute.KeyValue))
}

var distributions = []distribution{
	{"heddle.task.queue", "How long tasks wait for a worker, by level.",
		byLevel(func(l *scheduler.TaskLatencies) scheduler.Histogram { return l.Queue })},
	{"heddle.task.dispatch", "How long tasks keep their worker, by level.",
		byLevel(func(l *scheduler.TaskLatencies) scheduler.Histogram { return l.Dispatch })},
	{"heddle.timer.lateness", "How much later than due timers are fired.",
		func(l *scheduler.Latencies, show func(scheduler.Histogram, ...attribute.KeyValue)) { show(l.Timers) }},
	{"heddle.worker.wake", "How long waking a worker takes.",
		func(l *scheduler.Latencies, show func(scheduler.Histogram, ...attribute.KeyValue)) { show(l.Wakes) }},
	{"heddle.named_task.queue", "How long tasks wait for a worker, by the task's name.",
		byName(func(l *scheduler.TaskLatencies) scheduler.Histogram { return l.Queue })},
	{"heddle.named_task.dispatch", "How long tasks keep their worker, by the task's name.",
		byName(func(l *scheduler.TaskLatencies) scheduler.Histogram { return l.Dispatch })},
}

func byLevel(
	of func(l *scheduler.TaskLatencies) scheduler.Histogram,
) func(*scheduler.Latencies, func(scheduler.Histogram, ...attribute.KeyValue)) {
	return func(l *scheduler.Latencies, show func(scheduler.Histogram, ...attribute.KeyValue)) {
		for _, at := range []task.Level{task.High, task.Normal, task.Low} {
			show(of(&l.Levels[at]), LevelKey.String(at.String()))
		}
	}
}

// byName reads the histogram of each name, and under the name "" that of all names together that
// came after the limit.
func byName(
	of func(l *scheduler.TaskLatencies) scheduler.Histogram,
) func(*scheduler.Latencies, func(scheduler.Histogram, ...attribute.KeyValue)) {
	return func(l *scheduler.Latencies, show func(scheduler.Histogram, ...attribute.KeyValue)) {
		for _, name := range slices.Sorted(maps.Keys(l.Names)) {
			at := l.Names[name]
			show(of(&at), TaskKey.String(name))
		}
		if other := of(&l.Other); other.Count() != 0 {
			show(other, TaskKey.String(""))
		}
	}
}

// Produce implements [sdkmetric.Producer].
func (p *producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	l := p.s.Stats().Latencies
	if l == nil {
		return nil, nil
	}
	now := time.Now()
	out := metricdata.ScopeMetrics{Scope: instrumentation.Scope{Name: "github.com/heddle-go/heddle/scheduler/schedotel"}}
	for _, d := range distributions {
		data := metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality}
		d.read(l, func(h scheduler.Histogram, attrs ...attribute.KeyValue) {
			x := metricdata.ExponentialHistogramDataPoint[float64]{
				Attributes: attribute.NewSet(append(attrs, p.owner)...),
				StartTime:  p.since, Time: now, Sum: h.Sum().Seconds(),
			}
			if h.Count() != 0 {
				x.Max = metricdata.NewExtrema(h.Max().Seconds())
			}
			exponential(&x, h.Buckets())
			data.DataPoints = append(data.DataPoints, x)
		})
		if len(data.DataPoints) != 0 {
			out.Metrics = append(out.Metrics, metricdata.Metrics{Name: d.name, Description: d.help, Unit: "s", Data: data})
		}
	}
	return []metricdata.ScopeMetrics{out}, nil
}

// scale is the resolution of the histograms: 2^scale buckets for each power of 2. The scheduler has
// as many, which end at other bounds.
const scale = 3

// exponential fills in the buckets and the count of x. Bucket i begins above 2^(i/2^scale) seconds.
func exponential(x *metricdata.ExponentialHistogramDataPoint[float64], buckets iter.Seq2[time.Duration, uint64]) {
	x.Scale = scale
	b := &x.PositiveBucket
	for upTo, n := range buckets {
		x.Count += n
		if upTo <= 0 {
			x.ZeroCount += n
			continue
		}
		i := int32(math.Ceil(math.Log2(upTo.Seconds())*(1<<scale))) - 1
		if b.Counts == nil {
			b.Offset = i
		}
		for int32(len(b.Counts)) <= i-b.Offset {
			b.Counts = append(b.Counts, 0)
		}
		b.Counts[i-b.Offset] += n
	}
}
