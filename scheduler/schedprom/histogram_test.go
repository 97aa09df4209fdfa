package schedprom

import (
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"
)

type bucket struct {
	upTo time.Duration
	n    uint64
}

func seq(bs []bucket) iter.Seq2[time.Duration, uint64] {
	return func(yield func(time.Duration, uint64) bool) {
		for _, b := range bs {
			if !yield(b.upTo, b.n) {
				return
			}
		}
	}
}

// decoded returns the counts of a native histogram by the index of the bucket, as the format
// defines it.
func decoded(d *dto.Histogram) map[int]uint64 {
	out := map[int]uint64{}
	i, at := 0, 0
	n := int64(0)
	for _, s := range d.PositiveSpan {
		i += int(s.GetOffset())
		for range s.GetLength() {
			n += d.PositiveDelta[at]
			out[i] = uint64(n)
			i++
			at++
		}
	}
	return out
}

// The sparse form has each bucket at its index, whatever gaps there are.
func TestNative(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		var bs []bucket
		want := map[int]uint64{}
		zero, count := uint64(0), uint64(0)
		for range r.IntN(20) {
			d := time.Duration(r.Uint64N(1 << (1 + r.IntN(42))))
			bs = append(bs, bucket{d, 1 + r.Uint64N(100)})
		}
		slices.SortFunc(bs, func(a, b bucket) int { return int(a.upTo - b.upTo) })
		for _, b := range bs {
			count += b.n
			if b.upTo == 0 {
				zero += b.n
				continue
			}
			i := int(math.Ceil(math.Log2(b.upTo.Seconds()) * 8))
			want[i] += b.n
			require.LessOrEqual(t, b.upTo.Seconds(), math.Exp2(float64(i)/8)*(1+1e-12))
			require.Greater(t, b.upTo.Seconds(), math.Exp2(float64(i-1)/8)*(1-1e-12))
		}
		var d dto.Histogram
		native(&d, seq(bs))
		require.Equal(t, want, decoded(&d))
		require.Equal(t, zero, d.GetZeroCount())
		require.Equal(t, count, d.GetSampleCount())
		require.EqualValues(t, 3, d.GetSchema())
		require.NotEmpty(t, d.PositiveSpan, "an empty native histogram has one as well")
		require.Positive(t, d.GetZeroThreshold())
	}
}

// The classic form is cumulative, and counts what is at most the bound.
func TestClassic(t *testing.T) {
	all := []bucket{{0, 1}, {255, 2}, {271, 4}, {511, 8}, {1<<34 - 1, 16}, {1<<34 + 1<<31 - 1, 32}}
	got := classic(seq(all))
	require.Len(t, got, 27)
	for i, b := range got {
		bound := time.Duration(1) << (8 + i)
		want := uint64(0)
		for _, x := range all {
			if x.upTo <= bound {
				want += x.n
			}
		}
		require.Equal(t, bound.Seconds(), b.GetUpperBound())
		require.Equal(t, want, b.GetCumulativeCount(), bound)
	}
	for _, b := range classic(seq(nil)) {
		require.Zero(t, b.GetCumulativeCount())
	}
}
