package benchmarks

import (
	"slices"
	"testing"
	"time"
)

// paired runs f and its baseline once each a round, in turn the one first and the other, and reports f's
// median time as ns/op, the median of the rounds' ratios of f to the baseline, and their quartiles. Both
// sides of a round see the same machine, so the ratios scatter less than the times.
func paired(b *testing.B, baseline, f func()) {
	timed := func(f func()) float64 {
		start := time.Now()
		f()
		return float64(time.Since(start))
	}
	var times, ratios []float64
	for first := false; b.Loop(); first = !first {
		var base, mine float64
		if first {
			mine = timed(f)
			base = timed(baseline)
		} else {
			base = timed(baseline)
			mine = timed(f)
		}
		times = append(times, mine)
		ratios = append(ratios, mine/base)
	}
	b.ReportMetric(quartile(times, 2), "ns/op")
	b.ReportMetric(quartile(ratios, 2), "ratio")
	b.ReportMetric(quartile(ratios, 1), "ratio-q1")
	b.ReportMetric(quartile(ratios, 3), "ratio-q3")
}

// quartile returns the q-th quartile of xs: of the sorted values the one at q quarters of the way. It sorts xs.
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
