// Package histogram counts durations in buckets of a fixed relative width.
//
// A [Histogram] has one writer, which never waits and allocates nothing, and any number of readers.
// A reader adds up the histograms of several writers in a [Snapshot].
//
// The buckets are log-linear: below 8 ns each nanosecond has a bucket of its own, and from there on
// each power of two is divided into 8 equal buckets. So a bucket is at most an eighth as wide as
// the durations in it. A count of leading zeros and a shift find the bucket of a duration, without
// a table.
package histogram

import (
	"iter"
	"math/bits"
	"time"

	"github.com/heddle-go/heddle/internal/atomicx"
)

const (
	subBits = 3  // each power of two has 1<<subBits buckets
	maxBits = 42 // durations of at least 2^maxBits ns, 73 minutes, are counted in the last bucket
	buckets = (maxBits - subBits + 1) << subBits
)

// bucket returns the index of the bucket of d. Negative durations count as 0.
func bucket(d int64) int {
	v := uint64(max(d, 0))
	if v < 1<<subBits {
		return int(v)
	}
	e := bits.Len64(v) - 1 - subBits
	return min(e<<subBits+int(v>>uint(e)), buckets-1)
}

// upper returns the largest duration that bucket i counts. The last bucket counts longer ones, too.
func upper(i int) int64 {
	if i < 1<<subBits {
		return int64(i)
	}
	e := i>>subBits - 1
	return int64(i&(1<<subBits-1)+1<<subBits+1)<<e - 1
}

// A Histogram counts durations. The zero Histogram is empty.
//
// The writer stores whole 64-bit words and readers load them, so a reader never sees a torn number,
// even on a 32-bit machine. No number ever falls.
type Histogram struct {
	n   [buckets]atomicx.Uint64
	sum atomicx.Int64
	max atomicx.Int64
}

// Record counts d. Only the writer may call it.
func (h *Histogram) Record(d int64) {
	d = max(d, 0)
	if d > h.max.Load() {
		h.max.Store(d) // before the count, so readers that see the count see the maximum
	}
	n := &h.n[bucket(d)]
	n.Store(n.Load() + 1)
	h.sum.Store(h.sum.Load() + d)
}

// A Snapshot is the sum of histograms at the times when Add read them. A copy shares its counts
// with the original, so Add and Merge need a Snapshot of which no copy is in use. The zero Snapshot
// is empty.
type Snapshot struct {
	n   []uint64 // nil if it is empty
	sum int64
	max int64
}

// Add reads h and adds it to s. No copy of s may be in use. If the writer records durations
// meanwhile, s may count some of them that its sum does not contain.
func (s *Snapshot) Add(h *Histogram) {
	if h == nil {
		return
	}
	s.sum += h.sum.Load() // before the counts, so the sum is never that of more durations
	for i := range h.n {
		if n := h.n[i].Load(); n != 0 {
			s.need()[i] += n
		}
	}
	s.max = max(s.max, h.max.Load()) // after the counts, so no counted duration exceeds it
}

// Merge adds t to s. No copy of s may be in use.
func (s *Snapshot) Merge(t Snapshot) {
	for i, n := range t.n {
		s.need()[i] += n
	}
	s.sum += t.sum
	s.max = max(s.max, t.max)
}

func (s *Snapshot) need() []uint64 {
	if s.n == nil {
		s.n = make([]uint64, buckets)
	}
	return s.n
}

// Count returns the number of durations.
func (s Snapshot) Count() (count uint64) {
	for _, n := range s.n {
		count += n
	}
	return count
}

// Sum returns the sum of all durations.
func (s Snapshot) Sum() time.Duration { return time.Duration(s.sum) }

// Max returns the longest duration, or 0.
func (s Snapshot) Max() time.Duration { return time.Duration(s.max) }

// Quantile returns a duration that at least the fraction q of all durations does not exceed. The
// result is the upper bound of a bucket, or the longest duration if that is less. If s is empty, it
// is 0. q must be from 0 to 1.
func (s Snapshot) Quantile(q float64) time.Duration {
	count := s.Count()
	if count == 0 {
		return 0
	}
	rank := max(1, ceil(q*float64(count)))
	var below uint64
	for i, n := range s.n[:buckets-1] {
		if below += n; below >= rank {
			return min(time.Duration(upper(i)), s.Max())
		}
	}
	return s.Max()
}

// ceil returns the least integer that is not below x, which is not negative.
func ceil(x float64) uint64 {
	n := uint64(x)
	if float64(n) < x {
		n++
	}
	return n
}

// Buckets returns an iterator over the buckets that are not empty, the shortest durations first.
// upTo is the longest duration that the bucket can hold, and count is the number of durations in
// it. For the last bucket, of durations of 2^42 ns and more, upTo is the longest duration of s.
func (s Snapshot) Buckets() iter.Seq2[time.Duration, uint64] {
	return func(yield func(upTo time.Duration, count uint64) bool) {
		for i, n := range s.n {
			upTo := time.Duration(upper(i))
			if i == buckets-1 {
				upTo = max(upTo, s.Max())
			}
			if n != 0 && !yield(upTo, n) {
				return
			}
		}
	}
}
