package schedprom

import (
	"iter"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/heddle-go/heddle/scheduler"
)

// A histogram implements [prometheus.Metric]. The client's own constant histograms are either
// classic or native; this one may be both, so that every Prometheus can read it.
type histogram struct {
	desc    *prometheus.Desc
	labels  []*dto.LabelPair
	h       scheduler.Histogram
	classic bool
}

// Desc implements [prometheus.Metric].
func (x *histogram) Desc() *prometheus.Desc { return x.desc }

// Write implements [prometheus.Metric].
func (x *histogram) Write(out *dto.Metric) error {
	d := &dto.Histogram{SampleSum: proto.Float64(x.h.Sum().Seconds())}
	native(d, x.h.Buckets())
	if x.classic {
		d.Bucket = classic(x.h.Buckets())
	}
	out.Label, out.Histogram = x.labels, d
	return nil
}

const (
	// schema is the resolution of native histograms: 2^schema buckets for each power of 2. The
	// scheduler has as many, which end at other bounds.
	schema = 3
	// Classic histograms have the bounds 2^leastBits to 2^mostBits ns. The scheduler's buckets end
	// at powers of 2, so the counts are exact.
	leastBits, mostBits = 8, 34
)

// native fills in the sparse buckets and the count of d.
func native(d *dto.Histogram, buckets iter.Seq2[time.Duration, uint64]) {
	d.Schema = proto.Int32(schema)
	// Not 0, because Prometheus tells an empty native histogram from a classic one by the
	// threshold, and takes all histograms of a family for what the first one is.
	d.ZeroThreshold = proto.Float64(prometheus.DefNativeHistogramZeroThreshold)
	count, zero := uint64(0), uint64(0)
	var span *dto.BucketSpan
	next := 0               // the index after the span
	last, n := 0, uint64(0) // of the bucket being filled; none if n is 0
	before := int64(0)      // count of the bucket before, because the format has differences
	put := func() {
		if n == 0 {
			return
		}
		if span == nil || last != next {
			gap := last - next
			if span == nil {
				gap = last // the first offset counts from 0
			}
			span = &dto.BucketSpan{Offset: proto.Int32(int32(gap)), Length: proto.Uint32(0)}
			d.PositiveSpan = append(d.PositiveSpan, span)
		}
		*span.Length++
		next = last + 1
		d.PositiveDelta = append(d.PositiveDelta, int64(n)-before)
		before, n = int64(n), 0
	}
	for upTo, k := range buckets {
		count += k
		if upTo <= 0 {
			zero += k
			continue
		}
		if i := index(upTo); i != last {
			put()
			last = i
		}
		n += k
	}
	put()
	if span == nil {
		// Newer versions tell them apart by an empty span.
		d.PositiveSpan = []*dto.BucketSpan{{Offset: proto.Int32(0), Length: proto.Uint32(0)}}
	}
	d.SampleCount, d.ZeroCount = proto.Uint64(count), proto.Uint64(zero)
}

// index returns the index of the native bucket of d, which is positive. Bucket i ends at
// 2^(i/2^schema) seconds, inclusive.
func index(d time.Duration) int { return int(math.Ceil(math.Log2(d.Seconds()) * (1 << schema))) }

// classic returns the cumulative buckets.
func classic(buckets iter.Seq2[time.Duration, uint64]) []*dto.Bucket {
	out := make([]*dto.Bucket, 0, mostBits-leastBits+1)
	count := uint64(0)
	bound := func() time.Duration { return 1 << (leastBits + len(out)) }
	end := func() {
		out = append(out, &dto.Bucket{UpperBound: proto.Float64(bound().Seconds()), CumulativeCount: proto.Uint64(count)})
	}
	for upTo, n := range buckets {
		for len(out) < cap(out) && upTo > bound() {
			end()
		}
		if len(out) == cap(out) {
			break // longer ones are in the bucket +Inf, which the encoder adds
		}
		count += n
	}
	for len(out) < cap(out) {
		end()
	}
	return out
}
