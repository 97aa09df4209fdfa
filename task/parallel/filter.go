package parallel

import (
	"slices"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Filter returns a new slice with the elements of xs for which keep returns true, in their order.
// It calls keep exactly once for each element, unless the task is cancelled in the middle. Then the
// slice is nil and the error is the cause. Panics are as with [For]. keep must be short, because it
// cannot park.
//
// Work is that of the calls, plus O(n) to copy the elements that are kept. Span is that of the
// copying, plus O(log n).
func Filter[T any](c *task.Ctx, xs []T, keep func(x T) bool, opts ...Option) ([]T, error) {
	if keep == nil {
		panic("parallel: Filter with a nil function")
	}
	k := &kept[T]{xs: xs, keep: keep}
	if err := forRange(c, 0, len(xs), opts, func(l *loop) part { k.l = l; return k }); err != nil {
		return nil, err
	}
	return slices.Concat(append(k.full, k.last)...), nil
}

// kept is the result of a stretch of the slice. append does not copy elements, and the pieces of
// several stretches stay separate until Filter concatenates them. So each element is copied once
// more, and not once at each level of the splitting.
type kept[T any] struct {
	l    *loop
	xs   []T
	keep func(x T) bool
	full [][]T
	last []T
}

func (k *kept[T]) step(c *task.Ctx, lo, hi int) int {
	d := (*rt.Life)(c).Task()
	for i, x := range k.xs[lo:hi] {
		if k.keep(x) {
			k.last = append(k.last, x)
		}
		if k.l.look(d, lo+i+1) {
			return lo + i + 1
		}
	}
	return hi
}

func (k *kept[T]) split() part { return &kept[T]{l: k.l, xs: k.xs, keep: k.keep} }

func (k *kept[T]) append(right part) {
	r := right.(*kept[T])
	k.full = append(append(k.full, k.last), r.full...)
	k.last = r.last
}
