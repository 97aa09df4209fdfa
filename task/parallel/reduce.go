package parallel

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Reduce returns init op x0 op x1 op ... op xn-1. op must be associative, but need not be
// commutative. Then the result is that of a loop over xs. Sums of floating point numbers are only
// approximately associative, so their last digits may differ from run to run. op must be short,
// because it cannot park.
//
// If the task is cancelled in the middle, the result is the zero value and the error is the cause.
// Panics are as with [For]. [Fold] avoids the call of op for each element.
//
// Work is n calls of op. Span is O(log n) plus the largest grain.
func Reduce[T any](c *task.Ctx, xs []T, init T, op func(a, b T) T, opts ...Option) (T, error) {
	if op == nil {
		panic("parallel: Reduce with a nil function")
	}
	r := &reduction[T]{xs: xs, op: op}
	if err := forRange(c, 0, len(xs), opts, func(l *loop) part { r.l = l; return r }); err != nil {
		var zero T
		return zero, err
	}
	if !r.some {
		return init, nil
	}
	var all T
	if failure := runClosure(c, func(*task.Ctx) { all = op(init, r.acc) }); failure != nil {
		panic(failure)
	}
	return all, nil
}

// A reduction starts with its first element, so op needs no identity.
type reduction[T any] struct {
	l    *loop
	xs   []T
	op   func(a, b T) T
	acc  T
	some bool
}

func (r *reduction[T]) step(c *task.Ctx, lo, hi int) int {
	d := (*rt.Life)(c).Task()
	if !r.some {
		r.acc, r.some = r.xs[lo], true
		lo++
	}
	acc, op := r.acc, r.op
	for i, x := range r.xs[lo:hi] {
		acc = op(acc, x)
		if r.l.look(d, lo+i+1) {
			hi = lo + i + 1
			break
		}
	}
	r.acc = acc
	return hi
}

func (r *reduction[T]) split() part { return &reduction[T]{l: r.l, xs: r.xs, op: r.op} }

func (r *reduction[T]) append(right part) {
	switch q := right.(*reduction[T]); {
	case !q.some: // the loop ended before q's first element
	case !r.some:
		r.acc, r.some = q.acc, true
	default:
		r.acc = r.op(r.acc, q.acc)
	}
}

// Fold is [Reduce] by stretches. fold adds a stretch of xs to the accumulator acc. merge adds to
// the accumulator a the accumulator b of the stretch that follows. Each accumulator starts as zero,
// which must be neutral for merge. fold and merge must agree: fold over two adjacent stretches must
// equal merge of the fold over each. Then the result is fold(zero, xs).
//
//	sum, err := parallel.Fold(c, xs, 0.0, func(acc float64, xs []float64) float64 {
//		for _, x := range xs {
//			acc += x
//		}
//		return acc
//	}, func(a, b float64) float64 { return a + b })
//
// If A is or contains a pointer or a map, all accumulators start with the same one. In that case
// let zero be nil, and create the value in fold. There is an accumulator for each part of the loop
// that another worker takes, and a few more. If accumulators are large, use [Accumulate].
//
// Errors and panics are as with [Reduce]. Span is O(log n) plus the largest grain and the calls of
// merge.
func Fold[T, A any](c *task.Ctx, xs []T, zero A, fold func(acc A, xs []T) A, merge func(a, b A) A, opts ...Option) (A, error) {
	if fold == nil || merge == nil {
		panic("parallel: Fold with a nil function")
	}
	f := &folding[T, A]{xs: xs, zero: zero, fold: fold, merge: merge, acc: zero}
	if err := forRange(c, 0, len(xs), opts, func(*loop) part { return f }); err != nil {
		var none A
		return none, err
	}
	return f.acc, nil
}

type folding[T, A any] struct {
	xs    []T
	zero  A
	fold  func(acc A, xs []T) A
	merge func(a, b A) A
	acc   A
}

func (f *folding[T, A]) step(_ *task.Ctx, lo, hi int) int {
	f.acc = f.fold(f.acc, f.xs[lo:hi])
	return hi
}

func (f *folding[T, A]) split() part {
	return &folding[T, A]{xs: f.xs, zero: f.zero, fold: f.fold, merge: f.merge, acc: f.zero}
}

func (f *folding[T, A]) append(right part) { f.acc = f.merge(f.acc, right.(*folding[T, A]).acc) }
