package parallel

import (
	"cmp"
	"math"
	"reflect"
	"slices"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Sort sorts xs in ascending order, as slices.Sort does: NaNs come first, and -0 and +0, which are
// equal, come in any order. During the call it uses a second slice of the same length.
//
// If the task is cancelled in the middle, Sort returns the cause, and xs has all its elements, in
// some order. It looks for the cancellation after every 65,536 elements or fewer. [WithGrain] sets
// the length of the pieces that are sorted sequentially.
//
// Numbers, also those of named types, are sorted by their digits (most significant digit first, and
// the two highest digits of a short piece least significant digit first). Work is O(n) for each
// digit of 8 bits or more that is necessary to tell elements apart, and span is that of sorting one
// grain, plus O(n/p) for p workers. Numbers that are in ascending or descending order are only
// looked at, and reversed. Strings, and fewer than 512 numbers, are sorted like with [SortFunc].
// Besides the second slice, numbers need up to 128 KB for each worker.
func Sort[T cmp.Ordered](c *task.Ctx, xs []T, opts ...Option) error {
	if kind := reflect.TypeFor[T]().Kind(); kind != reflect.String && len(xs) >= minRadix {
		switch reflect.TypeFor[T]().Size() {
		case 1:
			return sortNumbers[uint8](c, xs, kind, opts)
		case 2:
			return sortNumbers[uint16](c, xs, kind, opts)
		case 4:
			return sortNumbers[uint32](c, xs, kind, opts)
		case 8:
			return sortNumbers[uint64](c, xs, kind, opts)
		}
	}
	s := &sorter[T]{
		leaf:  func(xs, _ []T) { slices.Sort(xs) },
		merge: mergeOrdered[T],
		less:  cmp.Less[T],
	}
	return s.run(c, xs, opts)
}

// SortFunc sorts xs by compare, which returns a negative number if a comes before b and a positive
// number if a comes after b. compare must be a strict weak ordering, and must be short, because it
// cannot park. The sort is not stable. If compare panics, SortFunc panics with the
// *task.PanicError, and xs has all its elements, in some order. Otherwise it behaves like [Sort].
//
// SortFunc is a merge sort with parallel merges (Cormen, Leiserson, Rivest and Stein,
// "Multithreaded algorithms"). Work is O(n log n). Span is O(log^3 n) plus that of sorting one
// grain.
func SortFunc[T any](c *task.Ctx, xs []T, compare func(a, b T) int, opts ...Option) error {
	if compare == nil {
		panic("parallel: SortFunc with a nil function")
	}
	s := &sorter[T]{
		leaf: func(xs, _ []T) { slices.SortFunc(xs, compare) },
	}
	s.compare(compare)
	return s.run(c, xs, opts)
}

// SortStableFunc is [SortFunc], but equal elements keep their order.
func SortStableFunc[T any](c *task.Ctx, xs []T, compare func(a, b T) int, opts ...Option) error {
	if compare == nil {
		panic("parallel: SortStableFunc with a nil function")
	}
	s := &sorter[T]{}
	s.compare(compare)
	s.leaf = func(xs, buf []T) { s.stable(xs, buf, compare) }
	return s.run(c, xs, opts)
}

// A sorter is one sort.
type sorter[T any] struct {
	l     *loop
	grain int

	leaf  func(xs, buf []T)   // sorts xs; buf is scratch
	merge func(a, b, out []T) // merges two sorted slices; of equal elements, those of a come first
	less  func(a, b T) bool
}

func (s *sorter[T]) compare(compare func(a, b T) int) {
	s.merge = func(a, b, out []T) { mergeFunc(a, b, out, compare) }
	s.less = func(a, b T) bool { return compare(a, b) < 0 }
}

// The sizes of the pieces that one task handles sequentially. A leaf is a piece that is sorted, and
// mergeLen bounds a merge. There are eight leaves for each worker, if their size is between minLeaf
// and maxLeaf. A leaf of 16K to 64K elements takes up to a few milliseconds, which a quantum
// allows. With smaller leaves, forks and merges would cost more than they gain. BenchmarkSort shows
// the effect.
const (
	minLeaf  = 1 << 12
	maxLeaf  = 1 << 16
	mergeLen = 1 << 15
)

func (s *sorter[T]) run(c *task.Ctx, xs []T, opts []Option) error {
	c = callerOf(c)
	o := optionsOf(opts)
	s.grain = o.grain
	if s.grain == 0 {
		s.grain = min(max(len(xs)/(8*workersOf(c)), minLeaf), maxLeaf)
	}
	s.l = newLoop(o, len(xs)*s.passes(len(xs)))
	buf := []T(nil)
	if len(xs) > s.grain || len(xs) > insertionLen { // a stable leaf uses buf too
		buf = make([]T, len(xs))
	}
	return s.l.whole(c, func() { s.sort(c, xs, buf, false) })
}

// workersOf returns how many workers the scheduler of the task c has.
func workersOf(c *task.Ctx) int { return int((*rt.Life)(c).Task().Shared().Workers.Load()) }

// whole calls sort, which is the whole work of the loop, and returns the loop's result.
func (l *loop) whole(c *task.Ctx, sort func()) error {
	outstanding := (*rt.Life)(c).Task().Outstanding()
	whole := false
	defer func() {
		if !whole {
			l.exiting(c, outstanding)
		}
	}()
	sort()
	whole = true
	if l.failure == nil && l.cause == nil {
		l.end()
	}
	return l.result(c)
}

// passes returns how many times a sort of n elements handles each element, for the progress.
func (s *sorter[T]) passes(n int) int {
	k := 1
	for ; n > s.grain; n = (n + 1) / 2 {
		k++
	}
	return k
}

// sort sorts xs. If the argument there is true, the result is in buf, and otherwise in xs. Even if
// compare panics or calls runtime.Goexit, no element is lost. After a Goexit, each half is complete
// in the slice into which it was being sorted. No call still writes to the halves, because Do has
// ended their calls. So sort copies both halves to where the result belongs.
func (s *sorter[T]) sort(c *task.Ctx, xs, buf []T, there bool) {
	if len(xs) <= s.grain {
		if there {
			defer copy(buf, xs) // even if xs does not get sorted
		}
		if !s.l.stops(c, 0) {
			s.l.try(c, s.l.prog, len(xs), func() { s.leaf(xs, buf) })
		}
		return
	}
	mid := len(xs) / 2
	whole := false
	defer func() {
		switch {
		case whole:
		case there:
			copy(buf, xs)
		default:
			copy(xs, buf)
		}
	}()
	Do(c, func(c *task.Ctx) { s.sort(c, xs[:mid], buf[:mid], !there) },
		func(c *task.Ctx) { s.sort(c, xs[mid:], buf[mid:], !there) })
	if there {
		s.join(c, xs[:mid], xs[mid:], buf)
	} else {
		s.join(c, buf[:mid], buf[mid:], xs)
	}
	whole = true
}

// join merges a and b into out, in parallel. It cuts the larger one in the middle, and the other
// one where the middle element belongs.
func (s *sorter[T]) join(c *task.Ctx, a, b, out []T) {
	if len(out) <= max(mergeLen, s.grain) || s.l.stops(c, 0) {
		s.joinHere(c, a, b, out)
		return
	}
	var i, j int
	if len(a) >= len(b) {
		i = len(a) / 2
		s.l.try(c, nil, 0, func() { j = lower(b, a[i], s.less) })
	} else {
		j = len(b) / 2
		s.l.try(c, nil, 0, func() { i = upper(a, b[j], s.less) })
	}
	Do(c, func(c *task.Ctx) { s.join(c, a[:i], b[:j], out[:i+j]) },
		func(c *task.Ctx) { s.join(c, a[i:], b[j:], out[i+j:]) })
}

// joinHere merges a and b into out sequentially. If the sort has been given up, it copies instead,
// so that no element is lost.
func (s *sorter[T]) joinHere(c *task.Ctx, a, b, out []T) {
	merged := false
	if !s.l.stops(c, 0) {
		s.l.try(c, s.l.prog, len(out), func() {
			if len(a) == 0 || len(b) == 0 || !s.less(b[0], a[len(a)-1]) {
				return // a and b are in order, so copying is enough
			}
			s.merge(a, b, out)
			merged = true
		})
	}
	if !merged {
		copy(out[copy(out, a):], b)
	}
}

// try calls f, and then counts n elements for prog. If f or the progress panics, try keeps the
// panic as the loop's failure.
func (l *loop) try(c *task.Ctx, prog *progress, n int, f func()) {
	outstanding := (*rt.Life)(c).Task().Outstanding()
	in := c // nil once f has returned: see Join
	defer func() {
		switch {
		case in == nil:
		case exits():
			l.endAt(math.MinInt)
		default:
			l.failed(0, unwindPanic(in, outstanding, recover()))
		}
	}()
	f()
	prog.add(c, n)
	in = nil
}

// count is try without a function.
func (l *loop) count(c *task.Ctx, prog *progress, n int) {
	if prog != nil {
		l.try(c, prog, n, func() {})
	}
}

// lower returns how many elements at the start of the sorted xs come before x. upper returns how
// many do not come after x.
func lower[T any](xs []T, x T, less func(a, b T) bool) int {
	return search(len(xs), func(i int) bool { return less(xs[i], x) })
}

func upper[T any](xs []T, x T, less func(a, b T) bool) int {
	return search(len(xs), func(i int) bool { return !less(x, xs[i]) })
}

// search returns for how many of the indexes from 0 to n-1 the function in is true. The function
// must be true up to some index, and false from there on.
func search(n int, in func(i int) bool) int {
	lo := 0
	for lo < n {
		if mid := int(uint(lo+n) / 2); in(mid) {
			lo = mid + 1
		} else {
			n = mid
		}
	}
	return lo
}

// insertionLen is the length up to which the stable leaf sorts by insertion.
const insertionLen = 16

// stable sorts xs by merging, bottom up. It changes xs only by swaps and by merges of a copy, so
// that xs keeps all its elements even if compare panics.
func (s *sorter[T]) stable(xs, buf []T, compare func(a, b T) int) {
	for lo := 0; lo < len(xs); lo += insertionLen {
		insertion(xs[lo:min(lo+insertionLen, len(xs))], compare)
	}
	for width := insertionLen; width < len(xs); width *= 2 {
		for lo := 0; lo+width < len(xs); lo += 2 * width {
			mid, hi := lo+width, min(lo+2*width, len(xs))
			if compare(xs[mid], xs[mid-1]) < 0 {
				s.mergeInPlace(xs[lo:hi], width, buf)
			}
		}
	}
}

// mergeInPlace merges xs[:mid] and xs[mid:], using buf as scratch.
func (s *sorter[T]) mergeInPlace(xs []T, mid int, buf []T) {
	tmp := buf[:len(xs)]
	copy(tmp, xs)
	whole := false
	defer func() {
		if !whole {
			copy(xs, tmp)
		}
	}()
	s.merge(tmp[:mid], tmp[mid:], xs)
	whole = true
}

func insertion[T any](xs []T, compare func(a, b T) int) {
	for i := 1; i < len(xs); i++ {
		for j := i; j > 0 && compare(xs[j], xs[j-1]) < 0; j-- {
			xs[j], xs[j-1] = xs[j-1], xs[j]
		}
	}
}
