package scheduler

import (
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/heddle-go/heddle/internal/histogram"
)

// A Histogram is a distribution of durations, as [Scheduler.Stats] read it. It does not change. The
// zero Histogram is empty.
//
// The durations are counted in buckets: below 8 ns each nanosecond has its own, and above each
// power of two is divided into 8 equal parts. So a bound of a bucket exceeds the durations in the
// bucket by an eighth at most. Sum and Max are exact.
type Histogram struct{ s histogram.Snapshot }

// Count returns the number of durations.
func (h Histogram) Count() uint64 { return h.s.Count() }

// Sum returns the sum of the durations.
func (h Histogram) Sum() time.Duration { return h.s.Sum() }

// Max returns the longest duration, or 0 if h is empty.
func (h Histogram) Max() time.Duration { return h.s.Max() }

// Quantile returns a duration that at least the fraction q of the durations does not exceed: 0.5
// gives the median and 0.99 what all but one in a hundred stay within. It is at most an eighth
// above the least such duration, and never above Max. It returns 0 if h is empty, and panics unless
// q is from 0 to 1.
func (h Histogram) Quantile(q float64) time.Duration {
	if !(q >= 0 && q <= 1) {
		panic(fmt.Sprintf("scheduler: Histogram.Quantile(%v): want 0 to 1", q))
	}
	return h.s.Quantile(q)
}

// Buckets returns an iterator over the buckets that are not empty, the shortest durations first.
// For each bucket it yields the bound, which is the longest duration that the bucket takes, and the
// number of durations in it. The bounds are the same in every Histogram, so the buckets of several
// can be added. Only the last bucket, with the bound 2^42-1 ns or 73 minutes, also has all longer
// durations, up to Max. Exporters can build native or exponential histograms from the buckets.
func (h Histogram) Buckets() iter.Seq2[time.Duration, uint64] { return h.s.Buckets() }

// Merge returns the distribution of the durations of h and of o together.
func (h Histogram) Merge(o Histogram) Histogram {
	var sum histogram.Snapshot
	sum.Merge(h.s)
	sum.Merge(o.s)
	return Histogram{sum}
}

// summary is what JSON, logs and String show of a Histogram. Durations are in nanoseconds.
type summary struct {
	Count uint64        `json:"count"`
	Sum   time.Duration `json:"sum"`
	P50   time.Duration `json:"p50"`
	P90   time.Duration `json:"p90"`
	P99   time.Duration `json:"p99"`
	P999  time.Duration `json:"p999"`
	Max   time.Duration `json:"max"`
}

func (h Histogram) summary() summary {
	return summary{h.Count(), h.Sum(), h.Quantile(.5), h.Quantile(.9), h.Quantile(.99), h.Quantile(.999), h.Max()}
}

// MarshalJSON returns an object with count, sum, p50, p90, p99, p999 and max, durations in
// nanoseconds. It never fails.
func (h Histogram) MarshalJSON() ([]byte, error) { return json.Marshal(h.summary()) }

// LogValue implements [slog.LogValuer]: a group with what [Histogram.MarshalJSON] has.
func (h Histogram) LogValue() slog.Value {
	v := h.summary()
	return slog.GroupValue(
		slog.Uint64("count", v.Count), slog.Duration("sum", v.Sum),
		slog.Duration("p50", v.P50), slog.Duration("p90", v.P90), slog.Duration("p99", v.P99),
		slog.Duration("p999", v.P999), slog.Duration("max", v.Max),
	)
}

// String returns the count and some quantiles in one line.
func (h Histogram) String() string {
	v := h.summary()
	return fmt.Sprintf("%d: p50 %v, p90 %v, p99 %v, p999 %v, max %v", v.Count, v.P50, v.P90, v.P99, v.P999, v.Max)
}
