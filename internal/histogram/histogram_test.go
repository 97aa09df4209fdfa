package histogram

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The buckets lie beside each other, in order, and each holds what lies between its bounds.
func TestBuckets(t *testing.T) {
	require.Equal(t, 0, bucket(0))
	require.Equal(t, 0, bucket(-5))
	require.Equal(t, buckets-1, bucket(math.MaxInt64))
	require.EqualValues(t, int64(1<<maxBits-1), upper(buckets-1))
	for i := range buckets {
		require.Equal(t, i, bucket(upper(i)), "the upper bound of %d", i)
		if i+1 < buckets {
			require.Equal(t, i+1, bucket(upper(i)+1), "the lower bound of %d", i+1)
		}
		if lower := upper(i-1) + 1; i >= 8 {
			require.LessOrEqual(t, upper(i)-lower+1, lower/8, "the width of %d", i)
		}
	}
}

// Quantile is not below the true quantile, and an eighth above it at most.
func TestQuantileBesideTheSortedList(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 3, 10, 1000} {
		var h Histogram
		var all []int64
		var sum int64
		for range n {
			d := rng.Int64N(1 << (1 + rng.IntN(maxBits)))
			h.Record(d)
			all = append(all, d)
			sum += d
		}
		slices.Sort(all)
		var s Snapshot
		s.Add(&h)
		require.EqualValues(t, n, s.Count())
		require.EqualValues(t, sum, s.Sum())
		require.EqualValues(t, all[n-1], s.Max())
		for _, q := range []float64{0, .1, .5, .9, .99, .999, 1} {
			want := all[max(1, int(math.Ceil(q*float64(n))))-1]
			got := int64(s.Quantile(q))
			require.GreaterOrEqual(t, got, want, "%d, %v", n, q)
			require.LessOrEqual(t, got, want+want/8+1, "%d, %v", n, q)
		}
	}
}

func TestEmpty(t *testing.T) {
	var s Snapshot
	s.Add(nil)
	s.Add(new(Histogram))
	s.Merge(Snapshot{})
	require.Zero(t, s.Count())
	require.Zero(t, s.Quantile(1))
	for range s.Buckets() {
		t.Fatal("a bucket of an empty snapshot")
	}
}

// The bounds of Buckets go up, and the last bucket extends to the longest duration.
func TestBucketsOfALongDuration(t *testing.T) {
	var h Histogram
	h.Record(3)
	h.Record(3)
	h.Record(1 << 50)
	var s, sum Snapshot
	s.Add(&h)
	sum.Merge(s)
	sum.Merge(s)
	var upTo []time.Duration
	var counts []uint64
	for d, n := range sum.Buckets() {
		upTo, counts = append(upTo, d), append(counts, n)
	}
	require.Equal(t, []time.Duration{3, 1 << 50}, upTo)
	require.Equal(t, []uint64{4, 2}, counts)
	require.EqualValues(t, int64(1<<50), s.Quantile(1))
	require.EqualValues(t, 3, s.Quantile(.5))
	for range sum.Buckets() {
		break
	}
}

// What readers see while the writer goes on never falls, in any bucket, and the sum is never that
// of more durations than are counted. Each duration is 1000, so the sum tells how many it has.
func TestReadersSeeNothingFall(t *testing.T) {
	const n, each = 20_000, 1000
	var h Histogram
	var wg sync.WaitGroup
	for range 2 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			var before Snapshot
			for before.Count() < n {
				var s Snapshot
				s.Add(&h)
				if s.Count() < before.Count() || s.Sum() < before.Sum() || s.Max() < before.Max() {
					t.Errorf("from %d, %v to %d, %v", before.Count(), before.Sum(), s.Count(), s.Sum())
					return
				}
				if uint64(s.Sum()/each) > s.Count() {
					t.Errorf("the sum %v of %d", s.Sum(), s.Count())
					return
				}
				before = s
			}
		}()
	}
	for range n {
		h.Record(each)
	}
	wg.Wait()
}

func TestRecordDoesNotAllocate(t *testing.T) {
	var h Histogram
	require.Zero(t, testing.AllocsPerRun(100, func() { h.Record(12345) }))
}
