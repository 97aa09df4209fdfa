package benchmarks

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

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
type row func(b *testing.B, workers int)

// run runs r with each number of workers, under the name that the package comment defines. keys
// have the form key=value and must be in the same order for each impl.
func run(b *testing.B, impl string, r row, keys ...string) {
	for _, n := range []int{1, 2} {
		runOne(b, impl, n, r, keys...)
	}
}

// runOne is run for one number of workers.
func runOne(b *testing.B, impl string, workers int, r row, keys ...string) {
	name := fmt.Sprintf("impl=%s/workers=%d", impl, workers)
	if len(keys) > 0 {
		name += "/" + strings.Join(keys, "/")
	}
	runRow(b, name, func(b *testing.B) {
		setProcs(b, workers)
		b.ReportAllocs()
		r(b, workers)
	})
}

// listEnv is an environment variable. If it is set, the benchmarks do not run but print the names
// of their rows, one a line. The command table sets it.
const listEnv = "HEDDLE_BENCH_LIST"

// runRow runs or lists one row of the benchmark b.
func runRow(b *testing.B, name string, f func(b *testing.B)) {
	if os.Getenv(listEnv) != "" {
		fmt.Printf("row %s/%s\n", b.Name(), name)
		return
	}
	b.Run(name, f)
}

// setProcs sets GOMAXPROCS until the end of the benchmark.
func setProcs(b *testing.B, n int) {
	old := runtime.GOMAXPROCS(n)
	b.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

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
