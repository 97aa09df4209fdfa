package radix

import (
	"cmp"
	"fmt"
	"reflect"
	"unsafe"
)

// A Word is an unsigned integer that has the bits of a number.
type Word interface {
	uint8 | uint16 | uint32 | uint64
}

// An Order maps the bits of numbers of one kind to keys: unsigned integers in the order of the
// numbers. The key of a number x with the sign bit s, which is spread over all bits in "if s", is
//
//	x                         for an unsigned integer
//	x ^ sign                  for a signed one
//	(x ^ (if s | sign)) + add for a floating-point number
//
// The xor alone would put the NaNs without a sign last. add moves their keys past the largest one,
// so that they wrap around and come first, as in slices.Sort. The keys of -0 and +0 differ by one.
type Order[W Word] struct {
	float W // all bits for floating-point numbers, otherwise 0
	sign  W // the sign bit, or 0 for unsigned integers
	add   W
}

// OrderOf returns the order of the numbers of a kind, which must have the size of a W.
func OrderOf[W Word](kind reflect.Kind) Order[W] {
	sign := W(1) << (bitsOf[W]() - 1)
	switch kind {
	case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint, reflect.Uintptr:
		return Order[W]{}
	case reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Int:
		return Order[W]{sign: sign}
	case reflect.Float32, reflect.Float64:
		mantissa := 23
		if kind == reflect.Float64 {
			mantissa = 52
		}
		return Order[W]{float: ^W(0), sign: sign, add: W(1)<<mantissa - 1}
	}
	panic(fmt.Sprintf("radix: OrderOf(%v): want a kind of integers or floating-point numbers", kind))
}

// Key returns the key of the number with the bits x.
func (o Order[W]) Key(x W) W {
	s := (0 - x>>(bitsOf[W]()-1)) & o.float
	return (x ^ (s | o.sign)) + o.add
}

// Bits is the inverse of Key.
func (o Order[W]) Bits(key W) W {
	x := key - o.add
	s := (x>>(bitsOf[W]()-1) - 1) & o.float
	return x ^ (s | o.sign)
}

// bitsOf returns the number of bits of a W.
func bitsOf[W Word]() uint { return uint(unsafe.Sizeof(W(0))) * 8 }

// View returns xs as words. The words are the memory of xs, so there is no copy. View panics if the
// sizes differ, or if T is a string type. The conversion is the first pattern of package unsafe:
// both types have the same size, any bits are valid for both, and neither has pointers.
//
// Without unsafe, only a type switch could tell the types apart, which fails for named types, or
// package reflect, whose call for each element takes longer than the whole sort.
func View[W Word, T cmp.Ordered](xs []T) []W {
	var w W
	t := reflect.TypeFor[T]()
	if t.Size() != unsafe.Sizeof(w) || t.Kind() == reflect.String {
		panic(fmt.Sprintf("radix: View of %v as words of %d bytes", t, unsafe.Sizeof(w)))
	}
	return unsafe.Slice((*W)(unsafe.Pointer(unsafe.SliceData(xs))), len(xs))
}
