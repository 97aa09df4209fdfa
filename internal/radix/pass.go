package radix

import "math/bits"

// Digits have at most Digit bits. Each bucket is a place in memory to which a pass writes, and
// with more of them, caches and TLBs miss more often: with a first digit of 8 or 9 bits,
// BenchmarkSort took 20 ns for each element, with 10 bits 21, and with 11 bits 24.
const (
	Digit   = 11
	Buckets = 1 << Digit
)

// A Table has a number for each value of a digit: first how many elements have the digit, and then
// where the next one of them goes.
type Table [Buckets]int

// Differing returns a word that has a bit set if, and only if, that bit is not the same in the keys
// of all elements of xs and of the element first. The position of the highest set bit does not
// depend on which element first is.
func (o Order[W]) Differing(xs []W, first W) W {
	diff, key := W(0), o.Key(first)
	for _, x := range xs {
		diff |= o.Key(x) ^ key
	}
	return diff
}

// Top returns the position from which Digit bits, or fewer, cover the highest set bit of diff and
// the width-1 bits below it.
func Top[W Word](diff W, width int) (shift uint) {
	return uint(max(bits.Len64(uint64(diff))-width, 0))
}

// Count adds to t how many elements of xs have each digit. The digit is that at shift, and all bits
// above it must be the same in all keys.
func (o Order[W]) Count(xs []W, shift uint, t *Table) {
	for _, x := range xs {
		t[uint(o.Key(x)>>shift)&(Buckets-1)]++
	}
}

// Scatter copies each element of xs to out, to the next place for its digit, which t has.
func (o Order[W]) Scatter(xs, out []W, shift uint, t *Table) {
	for _, x := range xs {
		d := &t[uint(o.Key(x)>>shift)&(Buckets-1)]
		out[*d] = x
		*d++
	}
}

// Ascending returns the length of the longest start of xs whose keys do not fall. Falling returns
// that of the longest one whose keys do not rise.
func (o Order[W]) Ascending(xs []W) int {
	if len(xs) > 0 {
		last := o.Key(xs[0])
		for i, x := range xs[1:] {
			key := o.Key(x)
			if key < last {
				return i + 1
			}
			last = key
		}
	}
	return len(xs)
}

func (o Order[W]) Falling(xs []W) int {
	if len(xs) > 0 {
		last := o.Key(xs[0])
		for i, x := range xs[1:] {
			key := o.Key(x)
			if key > last {
				return i + 1
			}
			last = key
		}
	}
	return len(xs)
}
