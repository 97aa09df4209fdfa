package benchmarks

import (
	"flag"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// measures holds what one round of one side measured, by name. Smaller values are better.
// measureTime is the time of the round.
type measures map[string]float64

const measureTime = "time"

// curvePrefix begins the names of measures that are points of a curve. No ratio is reported for
// them, but the median of each side: for curve-p90 and a side called each, p90-of-each-ns.
const curvePrefix = "curve-"

// A side is one way to run a program. It has a name, and a function that runs one round.
type side struct {
	name  string
	round func() measures
}

// timed makes a side that measures the time of f.
func timed(name string, f func()) side {
	return side{name, func() measures {
		start := time.Now()
		f()
		return measures{measureTime: float64(time.Since(start))}
	}}
}

// paired runs f and its baseline once in each round, and reports f's median time and the rounds'
// ratios, as versus does.
func paired(b *testing.B, baseline, f func()) {
	versus(b, timed(heddle, f), timed(goroutines, baseline))
}

// roundEnv is an environment variable that holds the number of the first round. That number decides
// which side begins. The command table sets it.
const roundEnv = "HEDDLE_BENCH_ROUND"

// versus runs mine and each baseline once in each round, and reports each measure. All sides of a
// round run on the machine in the same state, so the ratios vary less than the times do. The order
// rotates from round to round, and each side starts after a garbage collection.
//
// For each measure, mine is compared with the best baseline, the one with the least median over all
// rounds. versus reports the median of mine, the median of that baseline, and the median and the
// quartiles of the rounds' ratios. For the time these are ns/op, base-ns, ratio, ratio-q1 and
// ratio-q3. For another measure M they are M-ns, M-base-ns, M-ratio and so on. If there are several
// baselines, ratio-to-NAME is the median ratio to the one called NAME.
func versus(b *testing.B, mine side, baselines ...side) { versusBy(b, "", mine, baselines...) }

// versusBy is like versus. If leading is not empty, the baseline that is best in that measure
// serves for all measures.
func versusBy(b *testing.B, leading string, mine side, baselines ...side) {
	sides := append([]side{mine}, baselines...)
	first, _ := strconv.Atoi(os.Getenv(roundEnv)) // 0 if the variable is not set
	rounds := make([][]measures, len(sides))
	for turn := first; b.Loop(); turn++ {
		for k := range sides {
			i := (turn + k + 1) % len(sides) // round 0 begins with a baseline
			runtime.GC()
			rounds[i] = append(rounds[i], sides[i].round())
		}
	}
	for name := range rounds[0][0] {
		if point, ok := strings.CutPrefix(name, curvePrefix); ok {
			for i, c := range columns(rounds, name) {
				b.ReportMetric(quartile(c, 2), point+"-of-"+sides[i].name+"-ns")
			}
			continue
		}
		column := leading
		if column == "" {
			column = name
		}
		report(b, name, sides, rounds, bestColumn(columns(rounds, column)))
	}
}

// columns returns one measure of all sides, a column for each side.
func columns(rounds [][]measures, name string) [][]float64 {
	cs := make([][]float64, len(rounds))
	for i, rs := range rounds {
		for _, m := range rs {
			cs[i] = append(cs[i], m[name])
		}
	}
	return cs
}

// report reports one measure of sides[0] against that of sides[best], and of all sides.
func report(b *testing.B, name string, sides []side, rounds [][]measures, best int) {
	cs := columns(rounds, name)
	unit, prefix := name+"-ns", name+"-"
	if name == measureTime {
		unit, prefix = "ns/op", ""
	}
	ratios := quotients(cs[0], cs[best])
	b.ReportMetric(quartile(ratios, 2), prefix+"ratio")
	b.ReportMetric(quartile(ratios, 1), prefix+"ratio-q1")
	b.ReportMetric(quartile(ratios, 3), prefix+"ratio-q3")
	if len(sides) > 2 {
		for i, s := range sides[1:] {
			b.ReportMetric(quartile(quotients(cs[0], cs[i+1]), 2), prefix+"ratio-to-"+s.name)
		}
	}
	b.ReportMetric(quartile(slices.Clone(cs[0]), 2), unit)
	b.ReportMetric(quartile(slices.Clone(cs[best]), 2), prefix+"base-ns")
}

// bestColumn returns the index of the column with the least median, not counting the first column.
func bestColumn(columns [][]float64) int {
	best, least := 1, quartile(slices.Clone(columns[1]), 2)
	for i := 2; i < len(columns); i++ {
		if m := quartile(slices.Clone(columns[i]), 2); m < least {
			best, least = i, m
		}
	}
	return best
}

// quotients returns the quotients of the elements of xs and ys.
func quotients(xs, ys []float64) []float64 {
	qs := make([]float64, len(xs))
	for i := range qs {
		qs[i] = xs[i] / ys[i]
	}
	return qs
}

// quartile returns the q-th quartile of xs: the value that is q quarters of the way through the
// sorted values. It sorts xs.
func quartile(xs []float64, q int) float64 {
	slices.Sort(xs)
	return xs[(len(xs)-1)*q/4]
}

func TestQuartile(t *testing.T) {
	for _, c := range []struct {
		xs   []float64
		q    int
		want float64
	}{
		{[]float64{3}, 1, 3},
		{[]float64{5, 1, 4, 2, 3}, 1, 2},
		{[]float64{5, 1, 4, 2, 3}, 2, 3},
		{[]float64{5, 1, 4, 2, 3}, 3, 4},
	} {
		if got := quartile(c.xs, c.q); got != c.want {
			t.Errorf("quartile %d of %v: got %v, want %v", c.q, c.xs, got, c.want)
		}
	}
}

func TestBestColumn(t *testing.T) {
	for _, c := range []struct {
		columns [][]float64
		want    int
	}{
		{[][]float64{{1}, {2}}, 1},
		{[][]float64{{1}, {2}, {2}}, 1},
		{[][]float64{{1, 1, 1}, {9, 2, 2}, {1, 3, 3}}, 1},
		{[][]float64{{1, 1, 1}, {9, 2, 9}, {3, 1, 3}}, 2},
	} {
		if got := bestColumn(c.columns); got != c.want {
			t.Errorf("best of %v: got %d, want %d", c.columns, got, c.want)
		}
	}
	// quartile must not sort the columns themselves, which stay in the order of the rounds.
	xs := [][]float64{{1}, {3, 2}, {2, 1}}
	bestColumn(xs)
	if !slices.Equal(xs[1], []float64{3, 2}) {
		t.Errorf("bestColumn has sorted a column: %v", xs[1])
	}
}

// benchmarkIn runs f as a benchmark inside a test. times is its benchtime. It fails the test if f
// fails.
func benchmarkIn(t *testing.T, times string, f func(b *testing.B)) testing.BenchmarkResult {
	t.Helper()
	v := flag.Lookup("test.benchtime").Value
	// Set cannot fail, because the value was valid.
	defer func(old string) { _ = v.Set(old) }(v.String())
	if err := v.Set(times); err != nil {
		t.Fatal(err)
	}
	r := testing.Benchmark(f)
	if r.N == 0 {
		t.Error("the benchmark has failed")
	}
	return r
}

// TestVersus checks that the sides take turns at beginning, and that each measure is reported under
// its own name and against the best baseline.
func TestVersus(t *testing.T) {
	var order []string
	s := func(name string, time, p99 float64) side {
		return side{name, func() measures {
			order = append(order, name)
			return measures{measureTime: time, "p99": p99, curvePrefix + "p90": p99 - 1}
		}}
	}
	r := benchmarkIn(t, "6x", func(b *testing.B) {
		order = nil
		versus(b, s("mine", 6, 10), s("slow", 4, 5), s("quick", 3, 20))
	})
	for unit, want := range map[string]float64{
		"ns/op": 6, "base-ns": 3, "ratio": 2, "ratio-q1": 2, "ratio-q3": 2, "ratio-to-slow": 1.5, "ratio-to-quick": 2,
		"p99-ns": 10, "p99-base-ns": 5, "p99-ratio": 2, "p99-ratio-to-quick": 0.5,
		"p90-of-mine-ns": 9, "p90-of-slow-ns": 4, "p90-of-quick-ns": 19,
	} {
		if got := r.Extra[unit]; got != want {
			t.Errorf("%s: got %v, want %v", unit, got, want)
		}
	}
	if _, ok := r.Extra["curve-p90-ratio"]; ok {
		t.Error("a point of a curve has a ratio")
	}
	r = benchmarkIn(t, "3x", func(b *testing.B) {
		order = nil
		versusBy(b, measureTime, s("mine", 6, 10), s("slow", 4, 5), s("quick", 3, 20))
	})
	for unit, want := range map[string]float64{"ratio": 2, "p99-base-ns": 20, "p99-ratio": 0.5} {
		if got := r.Extra[unit]; got != want {
			t.Errorf("by the time, %s: got %v, want %v", unit, got, want)
		}
	}
	if want := []string{"slow", "quick", "mine", "quick", "mine", "slow"}; len(order) < 6 || !slices.Equal(order[:6], want) {
		t.Errorf("order: got %v, want it to begin with %v", order, want)
	}
}
