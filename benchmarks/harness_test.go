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

// What is measured: the values of impl.
const (
	heddle     = "heddle"
	goroutines = "goroutines"
	threads    = "threads"
	none       = "none" // the loop of a benchmark without what it measures
)

// A row measures one implementation with as many Ps as workers.
type row func(b *testing.B, workers int)

// run runs r with each number of workers, under the name that the grammar
// gives it. keys are of the form key=value, in the same order for each impl.
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

// listEnv is the environment variable that has the rows printed, a line each, and not run. The command table sets it.
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

// newScheduler makes a scheduler that lives until the end of the benchmark. Work that
// was left beside a sleeping worker fails the benchmark.
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

// finished closes s and returns how many tasks it ran to the end. Workers publish their counts
// late; after Close they are exact.
func finished(b *testing.B, s *scheduler.Scheduler) int {
	b.Helper()
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	return int(s.Stats().Finished)
}

// mustEqual fails the benchmark if it did not do what it was to do.
func mustEqual[T comparable](b *testing.B, what string, got, want T) {
	b.Helper()
	if got != want {
		b.Fatalf("%s: got %v, want %v", what, got, want)
	}
}

// latencies are the measurements of one run.
type latencies []time.Duration

// report reports the mean as ns/op, and the median and the 99th percentile. The mean
// replaces what testing would report, which contains the pauses.
func (l latencies) report(b *testing.B) {
	var sum time.Duration
	for _, d := range l {
		sum += d
	}
	b.ReportMetric(float64(sum)/float64(len(l)), "ns/op")
	l.reportQuantiles(b, "")
}

// reportQuantiles reports the median and the 99th percentile under names with a prefix.
func (l latencies) reportQuantiles(b *testing.B, prefix string) {
	b.ReportMetric(float64(l.quantile(0.50)), prefix+"p50-ns")
	b.ReportMetric(float64(l.quantile(0.99)), prefix+"p99-ns")
}

// quantile returns the smallest measurement that at least the share q of all do not
// exceed. It sorts l.
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
