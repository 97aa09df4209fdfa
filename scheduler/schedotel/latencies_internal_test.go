package schedotel

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// Each duration is in the bucket whose bounds are around it.
func TestExponential(t *testing.T) {
	given := []time.Duration{0, 1, 7, 255, 271, time.Microsecond, time.Second, 1<<42 - 1, 1 << 43}
	var x metricdata.ExponentialHistogramDataPoint[float64]
	exponential(&x, func(yield func(time.Duration, uint64) bool) {
		for i, d := range given {
			if !yield(d, uint64(1)<<i) {
				return
			}
		}
	})
	require.EqualValues(t, 1<<len(given)-1, x.Count)
	require.EqualValues(t, 1, x.ZeroCount)
	want := map[int32]uint64{}
	for i, d := range given[1:] {
		at := int32(0)
		for at = -400; math.Exp2(float64(at+1)/8) < d.Seconds(); at++ {
		}
		want[at] += uint64(2) << i
	}
	got := map[int32]uint64{}
	for i, n := range x.PositiveBucket.Counts {
		if n != 0 {
			got[x.PositiveBucket.Offset+int32(i)] = n
		}
	}
	require.Equal(t, want, got)

	var none metricdata.ExponentialHistogramDataPoint[float64]
	exponential(&none, func(func(time.Duration, uint64) bool) {})
	require.Zero(t, none.Count)
	require.Empty(t, none.PositiveBucket.Counts)
}
