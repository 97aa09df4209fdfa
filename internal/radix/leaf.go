package radix

import (
	"math/bits"
	"sync"
)

const (
	// Up to insertionLen elements, insertion sort takes less time than counting digits. An
	// element that insertion sort moves further has more than so many neighbours with the same
	// highest bits.
	insertionLen = 32
	// Passes over the highest bits leave few elements with equal bits, if they sort by extraBits
	// more than the logarithm of the length.
	extraBits = 3
)

// counts are the tables of two passes.
type counts [2][Buckets]uint32

var countsPool = sync.Pool{New: func() any { return new(counts) }}

// Sort sorts in, which must have fewer than 2^32 elements, with buf as scratch of the same length.
// If the argument there is true, the result is in buf, and otherwise in in. The passes have good
// locality only if both slices fit in the cache.
func (o Order[W]) Sort(in, buf []W, there bool) {
	buf = buf[:len(in)]
	out := in
	if there {
		out = buf
	}
	if o.Ascending(in) == len(in) {
		copy(out, in)
		return
	}
	diff := Order[W]{}.Differing(in, in[0])
	t := countsPool.Get().(*counts)
	defer countsPool.Put(t)
	if (diff&o.sign)|o.float == 0 {
		// The keys differ from the bits in nothing, or only in a sign that all elements share.
		sortKeys(in, buf, out, diff, t)
		return
	}
	for i, x := range in {
		in[i] = o.Key(x)
	}
	sortKeys(in, buf, out, Order[W]{}.Differing(in, in[0]), t)
	for i, x := range out {
		out[i] = o.Bits(x)
	}
}

// sortKeys sorts the keys in into out, which is in or buf. They differ only in the bits up to the
// highest one of diff. t is scratch.
//
// Two passes, starting from the lower digit, sort by the highest of these bits. If the keys are
// spread evenly, few are out of place then, and not by far, which insertion sort corrects. If many
// keys share these bits, sortKeys sorts them by the remaining ones.
func sortKeys[W Word](in, buf, out []W, diff W, t *counts) {
	if len(in) <= insertionLen {
		insert(in, out, 0)
		return
	}
	top := bits.Len64(uint64(diff))
	low := max(top-min(max(bits.Len(uint(len(in)))+extraBits, 8), 2*Digit), 0)
	other := buf
	if passes(in, buf, low, top, t) {
		in, other = buf, in
	}
	if low == 0 {
		copy(out, in)
		return
	}
	if &other[0] == &out[0] {
		other = in
	}
	for from := 0; ; {
		at := insert(in, out, from)
		if at == len(in) {
			return
		}
		lo, hi := at, at+1
		for lo > 0 && out[lo-1]>>low == out[at]>>low {
			lo--
		}
		for hi < len(in) && in[hi]>>low == out[at]>>low {
			hi++
		}
		copy(out[at+1:hi], in[at+1:hi])
		same := out[lo:hi]
		diff := Order[W]{}.Differing(same, same[0])
		sortKeys(same, other[lo:hi], same, diff, t)
		from = hi
	}
}

// passes sorts keys by the bits from low to top-1, of which there are one or more, and at most as
// many as two digits have. It reports whether the result is in buf and not in in.
func passes[W Word](in, buf []W, low, top int, t *counts) (there bool) {
	width := top - low
	if width <= Digit && 1<<width <= 2*len(in) {
		a, mask := &t[0], uint(1)<<width-1
		clear(a[:1<<width])
		for _, x := range in {
			a[uint(x>>low)&mask&(Buckets-1)]++
		}
		return pass(in, buf, low, width, a)
	}
	width = (width + 1) / 2
	next := low + width
	a, b, mask := &t[0], &t[1], uint(1)<<width-1
	clear(a[:1<<width])
	clear(b[:1<<width])
	for _, x := range in {
		a[uint(x>>low)&mask&(Buckets-1)]++
		b[uint(x>>next)&mask&(Buckets-1)]++
	}
	if pass(in, buf, low, width, a) {
		return !pass(buf, in, next, width, b)
	}
	return pass(in, buf, next, width, b)
}

// pass distributes keys by one digit, whose values count counts, from in to buf. If all keys have
// the same digit, pass does nothing and returns false.
func pass[W Word](in, buf []W, low, width int, count *[Buckets]uint32) bool {
	mask := uint(1)<<width - 1
	if int(count[uint(in[0]>>low)&mask&(Buckets-1)]) == len(in) {
		return false
	}
	sum := uint32(0)
	for d, n := range count[:1<<width] {
		count[d] = sum
		sum += n
	}
	for _, x := range in {
		next := &count[uint(x>>low)&mask&(Buckets-1)]
		buf[*next] = x
		*next++
	}
	return true
}

// insert is an insertion sort of in into out, which may be the same slice. The elements before from
// are in out, in order, and none that follows is less. insert returns len(in), or the index of the
// first element that it has moved by more than insertionLen places.
func insert[W Word](in, out []W, from int) int {
	out = out[:len(in)]
	for i := from; i < len(in); i++ {
		x := in[i]
		j := i
		for j > 0 && out[j-1] > x {
			out[j] = out[j-1]
			j--
		}
		out[j] = x
		if i-j > insertionLen {
			return i
		}
	}
	return len(in)
}
