package parallel

import (
	"cmp"
	"math"
	"math/bits"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/heddle-go/heddle/internal/radix"
	"github.com/heddle-go/heddle/task"
)

// A radixSort is a sort of numbers by their digits, from the highest one. A pass distributes the
// elements over buckets by their highest bits that differ. Buckets that are still long are
// distributed again, and short ones are sorted by package radix, in the cache. Each pass copies the
// elements between xs and a second slice.
//
// Rejected: only passes over the whole slice, from the lowest digit. Each of them would go through
// all memory, and up to six would be necessary, while two or three are enough here. And after the
// first pass, the workers here need nothing from each other any more.
//
// No function of the user's runs in a pass or in a piece, but the progress is shown after it, and
// show may panic or call runtime.Goexit. A pass writes only to the slice that has no elements. So
// until the pass is complete, the slice from which it reads has all elements, in any case.
type radixSort[W radix.Word] struct {
	l       *loop
	order   radix.Order[W]
	grain   int
	workers int
}

const (
	// minRadix is the length from which a radix sort takes less time than slices.Sort.
	minRadix = 512
	// maxRadixLeaf bounds the grain. Two slices of that many words of 8 bytes have 512 KB, the size
	// of a small second-level cache.
	maxRadixLeaf = 1 << 15
	// A pass makes buckets of about bucketLen elements, if the elements are spread evenly.
	bucketLen = 1 << 14
	// But digits have at least minWidth bits, or those of the length, so that a pass brings
	// something even if the numbers are crowded.
	minWidth = 8
	// blockLen is how many elements a pass handles between two checks, which takes less than a
	// millisecond. The blocks of a pass, which workers take, have at least that length.
	blockLen = 1 << 16
	// A pass has up to so many blocks for each worker. A block has a radix.Table of 16 KB.
	blocksPerWorker = 8
	// orderedLen is how many elements must be in order before sortNumbers checks whether all are.
	orderedLen = 64
)

var tables = sync.Pool{New: func() any { return new(radix.Table) }}

// sortNumbers sorts xs, whose elements have the given kind and the size of a W.
func sortNumbers[W radix.Word, T cmp.Ordered](
	c *task.Ctx, xs []T, kind reflect.Kind, opts []Option,
) error {
	c = callerOf(c)
	o := optionsOf(opts)
	s := &radixSort[W]{order: radix.OrderOf[W](kind), workers: workersOf(c), grain: o.grain}
	if s.grain == 0 {
		s.grain = min(max(len(xs)/(8*s.workers), minLeaf), maxRadixLeaf)
	}
	s.grain = min(s.grain, math.MaxInt32) // radix.Sort counts in 32 bits
	total := len(xs)
	if len(xs) > s.grain {
		total *= 2 // the first pass, and the pieces
	}
	s.l = newLoop(o, total)
	return s.l.whole(c, func() { s.all(c, radix.View[W](xs)) })
}

func (s *radixSort[W]) all(c *task.Ctx, xs []W) {
	head := xs[:min(len(xs), orderedLen)]
	switch len(head) {
	case s.order.Ascending(head):
		if s.ordered(c, xs, s.order.Ascending) {
			return
		}
	case s.order.Falling(head):
		if s.ordered(c, xs, s.order.Falling) {
			s.reverse(c, xs)
			return
		}
	}
	s.sort(c, xs, make([]W, len(xs)), false, s.l.prog)
}

// ordered reports whether start, which returns the length of the ordered start of a slice, finds
// all of xs in order.
func (s *radixSort[W]) ordered(c *task.Ctx, xs []W, start func(xs []W) int) bool {
	var broken atomic.Bool
	s.blocks(c, len(xs), func(_, lo, hi int) bool {
		piece := xs[max(lo-1, 0):hi]
		if start(piece) < len(piece) {
			broken.Store(true)
		}
		return !broken.Load()
	})
	return !broken.Load() && !s.givenUp()
}

func (s *radixSort[W]) reverse(c *task.Ctx, xs []W) {
	n := len(xs)
	s.blocks(c, n/2, func(_, lo, hi int) bool {
		low, high := xs[lo:hi], xs[n-hi:n-lo]
		for i, x := range low {
			k := len(high) - 1 - i
			low[i], high[k] = high[k], x
		}
		return true
	})
}

// givenUp reports whether some task of the sort has seen the cancellation, or a failure.
func (s *radixSort[W]) givenUp() bool { return s.l.limit.Load() != math.MaxInt64 }

// sort sorts in. If the argument there is true, the result is in buf, and otherwise in in. If the
// sort is given up, that slice has the elements in some order. prog counts the elements of the
// pass.
func (s *radixSort[W]) sort(c *task.Ctx, in, buf []W, there bool, prog *progress) {
	if len(in) <= s.grain {
		s.piece(c, in, buf, there, nil)
		return
	}
	passed := false
	defer func() {
		if !passed && there {
			copy(buf, in)
		}
	}()
	ends := s.pass(c, in, buf, prog)
	if ends == nil {
		return
	}
	passed = true
	s.buckets(c, buf, in, !there, ends, 0, len(ends))
	tables.Put(ends)
}

// pass copies the elements of in to the buckets for their highest digit, which follow each other in
// out. It returns a table with the end of each bucket, or nil if the elements must stay in in:
// because all are equal, or because the sort has been given up.
func (s *radixSort[W]) pass(c *task.Ctx, in, out []W, prog *progress) (ends *radix.Table) {
	n := len(in)
	diffs := make([]W, s.blocksOf(n))
	s.blocks(c, n, func(i, lo, hi int) bool {
		diffs[i] |= s.order.Differing(in[lo:hi], in[0])
		return true
	})
	diff := W(0)
	for _, d := range diffs {
		diff |= d
	}
	if diff == 0 || s.givenUp() {
		return nil
	}
	width := max(bits.Len(uint(n/bucketLen)), min(bits.Len(uint(n)), minWidth))
	shift := radix.Top(diff, min(width, radix.Digit))
	ts := make([]*radix.Table, len(diffs))
	for i := range ts {
		ts[i] = tables.Get().(*radix.Table)
		clear(ts[i][:])
	}
	s.blocks(c, n, func(i, lo, hi int) bool {
		s.order.Count(in[lo:hi], shift, ts[i])
		return true
	})
	// In a bucket, the elements of a block follow those of the blocks before.
	at := 0
	for d := range radix.Buckets {
		for _, t := range ts {
			at, t[d] = at+t[d], at
		}
	}
	if s.givenUp() {
		return nil // because then some elements were not counted
	}
	s.blocks(c, n, func(i, lo, hi int) bool {
		s.order.Scatter(in[lo:hi], out, shift, ts[i])
		s.l.count(c, prog, hi-lo)
		return true
	})
	if s.givenUp() {
		return nil
	}
	last := len(ts) - 1
	for _, t := range ts[:last] {
		tables.Put(t)
	}
	return ts[last]
}

// buckets sorts the buckets with the numbers from lo to hi-1, which end where the table says.
func (s *radixSort[W]) buckets(
	c *task.Ctx, in, buf []W, there bool, ends *radix.Table, lo, hi int,
) {
	start := 0
	if lo > 0 {
		start = ends[lo-1]
	}
	switch n := ends[hi-1] - start; {
	case n == 0:
	case n <= s.grain:
		s.piece(c, in[start:start+n], buf[start:start+n], there, ends[lo:hi])
	case hi-lo == 1:
		s.sort(c, in[start:start+n], buf[start:start+n], there, nil)
	default:
		// Each half has about half of the elements, and at least one bucket.
		i, _ := slices.BinarySearch(ends[lo:hi-1], start+n/2)
		mid := lo + 1 + min(i, hi-lo-2)
		Do(c, func(c *task.Ctx) { s.buckets(c, in, buf, there, ends, lo, mid) },
			func(c *task.Ctx) { s.buckets(c, in, buf, there, ends, mid, hi) })
	}
}

// piece sorts at most a grain of elements. They are one bucket, or several. Then ends has the
// ends of the buckets, the last of which is that of in.
func (s *radixSort[W]) piece(c *task.Ctx, in, buf []W, there bool, ends []int) {
	switch {
	case s.l.stops(c, 0):
		if there {
			copy(buf, in)
		}
		return
	case len(ends) == 0:
		s.order.Sort(in, buf, there)
	default:
		before, lo := ends[len(ends)-1]-len(in), 0
		for _, end := range ends {
			if hi := end - before; hi > lo {
				s.order.Sort(in[lo:hi], buf[lo:hi], there)
				lo = hi
			}
		}
	}
	s.l.count(c, s.l.prog, len(in))
}

// blocksOf returns how many blocks n elements have.
func (s *radixSort[W]) blocksOf(n int) int {
	if s.workers == 1 {
		return 1
	}
	return min(max(n/blockLen, 1), blocksPerWorker*s.workers)
}

// blocks calls f for stretches of at most blockLen of the indexes from 0 to n-1, with the number of
// the block that has the stretch. The stretches of a block follow each other, and blocks run in
// parallel. A block ends early if f returns false, or if the sort has been given up.
func (s *radixSort[W]) blocks(c *task.Ctx, n int, f func(i, lo, hi int) bool) {
	s.blocksFrom(c, n, 0, s.blocksOf(n), f)
}

func (s *radixSort[W]) blocksFrom(c *task.Ctx, n, i, k int, f func(i, lo, hi int) bool) {
	if k-i > 1 {
		mid := i + (k-i)/2
		Do(c, func(c *task.Ctx) { s.blocksFrom(c, n, i, mid, f) },
			func(c *task.Ctx) { s.blocksFrom(c, n, mid, k, f) })
		return
	}
	blocks := s.blocksOf(n)
	share, more := n/blocks, n%blocks // the first blocks have one element more
	lo, hi := i*share+min(i, more), (i+1)*share+min(i+1, more)
	for lo < hi && !s.l.stops(c, 0) {
		next := min(lo+min(blockLen, max(s.grain, minRadix)), hi)
		if !f(i, lo, next) {
			return
		}
		lo = next
	}
}
