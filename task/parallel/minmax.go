package parallel

import (
	"cmp"

	"github.com/heddle-go/heddle/task"
)

// MinMax returns the smallest and the largest element of xs, as slices.Min and slices.Max do: both
// are NaN if xs has a NaN. It panics if xs is empty. If the task is cancelled in the middle, the
// error is the cause.
//
// Work is O(n). Span is O(log n) plus the largest grain.
func MinMax[T cmp.Ordered](c *task.Ctx, xs []T, opts ...Option) (least, most T, err error) {
	if len(xs) == 0 {
		panic("parallel: MinMax of an empty slice: look at its length first")
	}
	r, err := Fold(c, xs, extremes[T]{}, func(e extremes[T], xs []T) extremes[T] {
		if !e.some {
			e = extremes[T]{xs[0], xs[0], true}
		}
		for _, x := range xs {
			e.least, e.most = min(e.least, x), max(e.most, x)
		}
		return e
	}, func(a, b extremes[T]) extremes[T] {
		switch {
		case !b.some:
			return a
		case !a.some:
			return b
		}
		return extremes[T]{min(a.least, b.least), max(a.most, b.most), true}
	}, opts...)
	return r.least, r.most, err
}

// MinMaxFunc returns the first smallest and the first largest element of xs by compare, as
// slices.MinFunc and slices.MaxFunc do. It panics if xs is empty. The rules for compare are as for
// [SortFunc]. If the task is cancelled in the middle, the error is the cause. If compare panics,
// MinMaxFunc panics with a *task.PanicError.
//
// Work is 2n calls of compare. Span is O(log n) plus the largest grain.
func MinMaxFunc[T any](c *task.Ctx, xs []T, compare func(a, b T) int, opts ...Option) (least, most T, err error) {
	if compare == nil {
		panic("parallel: MinMaxFunc with a nil function")
	}
	if len(xs) == 0 {
		panic("parallel: MinMaxFunc of an empty slice: look at its length first")
	}
	add := func(e extremes[T], x, y T) extremes[T] {
		if compare(x, e.least) < 0 {
			e.least = x
		}
		if compare(y, e.most) > 0 {
			e.most = y
		}
		return e
	}
	r, err := Fold(c, xs, extremes[T]{}, func(e extremes[T], xs []T) extremes[T] {
		if !e.some {
			e = extremes[T]{xs[0], xs[0], true}
			xs = xs[1:]
		}
		for _, x := range xs {
			e = add(e, x, x)
		}
		return e
	}, func(a, b extremes[T]) extremes[T] {
		switch {
		case !b.some:
			return a
		case !a.some:
			return b
		}
		return add(a, b.least, b.most)
	}, opts...)
	return r.least, r.most, err
}

type extremes[T any] struct {
	least, most T
	some        bool
}
