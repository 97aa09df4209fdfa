package benchmarks

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/heddle-go/heddle/benchmarks/harness"
	"github.com/heddle-go/heddle/scheduler"
)

// The values of impl.
const (
	heddle     = "heddle"
	goroutines = "goroutines"
	threads    = "threads"
	none       = "none" // the benchmark's loop alone, without the measured operation
)

// A row measures one implementation with as many Ps as workers.
type row = harness.Row

// What package harness shares with benchmarks/rivals, under short names.
var (
	run     = harness.Run
	runOne  = harness.RunOne
	runRow  = harness.RunRow
	key     = harness.Key
	batches = harness.Batches
)

// newScheduler makes a scheduler that is closed at the end of the benchmark. The benchmark fails if
// a worker slept while work was queued.
func newScheduler(b *testing.B, workers int, opts ...scheduler.Option) *scheduler.Scheduler {
	b.Helper()
	s, err := scheduler.New(append([]scheduler.Option{scheduler.WithWorkers(workers)}, opts...)...)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
		if n := s.Stats().Stranded; n != 0 {
			b.Errorf("Stats.Stranded is %d, want 0", n)
		}
	})
	return s
}

// finished closes s and returns the number of tasks that ran to their end. It closes s first,
// because workers publish their counts late, and only after Close they are exact.
func finished(b *testing.B, s *scheduler.Scheduler) int {
	b.Helper()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return int(s.Stats().Finished)
}

// mustEqual ends the benchmark with a failure if got is not want.
func mustEqual[T comparable](b *testing.B, what string, got, want T) {
	b.Helper()
	if got != want {
		b.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// latencies holds the latencies of one run.
type latencies []time.Duration

// report reports the mean as ns/op, the median and the 99th percentile. The mean replaces the ns/op
// of package testing, which would include the pauses.
func (l latencies) report(b *testing.B) {
	var sum time.Duration
	for _, d := range l {
		sum += d
	}
	b.ReportMetric(float64(sum)/float64(len(l)), "ns/op")
	l.reportQuantiles(b, "")
}

// reportQuantiles reports the median and the 99th percentile under names with the given prefix.
func (l latencies) reportQuantiles(b *testing.B, prefix string) {
	b.ReportMetric(float64(l.quantile(0.50)), prefix+"p50-ns")
	b.ReportMetric(float64(l.quantile(0.99)), prefix+"p99-ns")
}

// quantile returns the smallest latency that is not exceeded by at least a share of q of all. It
// sorts l.
func (l latencies) quantile(q float64) time.Duration {
	if len(l) == 0 {
		return 0
	}
	slices.Sort(l)
	return l[max(int(math.Ceil(q*float64(len(l))))-1, 0)]
}

func TestQuantile(t *testing.T) {
	var l latencies
	for i := 100; i > 0; i-- {
		l = append(l, time.Duration(i))
	}
	for _, c := range []struct {
		of   latencies
		q    float64
		want time.Duration
	}{
		{nil, 0.5, 0},
		{latencies{7}, 0.5, 7},
		{latencies{7}, 0.99, 7},
		{latencies{2, 1}, 0.5, 1},
		{l, 0.5, 50},
		{l, 0.99, 99},
		{l, 1, 100},
	} {
		if got := c.of.quantile(c.q); got != c.want {
			t.Errorf("quantile %v of %d: got %d, want %d", c.q, len(c.of), got, c.want)
		}
	}
}

// under returns full, or with -short the smaller size: then a benchmark only shows that it runs,
// and that its results are right.
func under(full, short int) int {
	if testing.Short() {
		return short
	}
	return full
}
