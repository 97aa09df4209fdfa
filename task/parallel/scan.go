package parallel

import (
	"math"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// ScanInclusive returns a slice with x0, x0 op x1, x0 op x1 op x2 and so on: element i is the
// reduction of xs[:i+1]. op must be associative, but need not be commutative. ScanInclusive works
// in blocks whose boundaries depend only on the length of xs. So sums of floating point numbers are
// the same in every run, although they may differ from those of a plain loop.
//
// If the task is cancelled in the middle, the slice is nil and the error is the cause. Panics are
// as with [For], except that the reported panic need not be that of the lowest index.
//
// Work is 2n calls of op, where a loop takes n. Span is O(n/B + B), where a block has B = 8192
// elements, or as many as [WithGrain] says. So ScanInclusive pays off with more than two workers,
// or if op takes long.
func ScanInclusive[T any](c *task.Ctx, xs []T, op func(a, b T) T, opts ...Option) ([]T, error) {
	if op == nil {
		panic("parallel: ScanInclusive with a nil function")
	}
	s := &scan[T]{xs: xs, out: make([]T, len(xs)), op: op}
	return s.run(c, opts)
}

// ScanExclusive returns a slice with init, init op x0, init op x0 op x1 and so on: element i is the
// reduction of init and xs[:i]. Otherwise it behaves like [ScanInclusive].
func ScanExclusive[T any](c *task.Ctx, xs []T, init T, op func(a, b T) T, opts ...Option) ([]T, error) {
	if op == nil {
		panic("parallel: ScanExclusive with a nil function")
	}
	s := &scan[T]{xs: xs, out: make([]T, len(xs)), op: op, init: init, exclusive: true}
	return s.run(c, opts)
}

// scanBlock is the number of elements in a block. It is large enough that the pass over the blocks
// takes negligible time. It is small enough that a block stays in the second-level cache between
// the passes, if there are few blocks.
const scanBlock = 8192

type scan[T any] struct {
	l         *loop
	xs, out   []T
	op        func(a, b T) T
	init      T
	exclusive bool
	block     int
	sums      []T // for each block: its sum after reduce, the sum of all before it after chain
}

func (s *scan[T]) run(c *task.Ctx, opts []Option) ([]T, error) {
	c = callerOf(c)
	o := optionsOf(opts)
	s.block = scanBlock
	if o.grain != 0 {
		s.block = o.grain
	}
	n := len(s.xs)
	s.block = min(s.block, max(n, 1)) // so that an index plus a block's length does not overflow
	blocks := n / s.block
	if n%s.block != 0 {
		blocks++
	}
	s.sums = make([]T, blocks)
	// Both passes count as one loop, so that the progress goes from 0 to its total only once.
	l := newLoop(options{grain: 1, every: o.every, show: o.show}, int(min(2*uint(blocks), math.MaxInt)))
	s.l = l
	l.pass(c, 0, blocks, ranges(s.reduce))
	if err := l.result(c); err != nil {
		return nil, err
	}
	s.chain(c)
	if err := l.run(c, 0, blocks, ranges(s.expand)); err != nil {
		return nil, err
	}
	return s.out, nil
}

// reduce computes the sum of each block in [lo, hi), except for the last block of all, whose sum is
// not needed.
func (s *scan[T]) reduce(c *task.Ctx, lo, hi int) {
	for b := lo; b < min(hi, len(s.sums)-1); b++ {
		xs := s.xs[b*s.block : (b+1)*s.block]
		acc := xs[0]
		for _, x := range xs[1:] {
			if acc = s.op(acc, x); s.l.givenUp(c) {
				return
			}
		}
		s.sums[b] = acc
	}
}

// chain replaces the sum of each block by the sum of everything before the block.
func (s *scan[T]) chain(c *task.Ctx) {
	outstanding := (*rt.Life)(c).Task().Outstanding()
	whole := false
	defer func() {
		if !whole && !exits() {
			s.l.failed(0, unwindPanic(c, outstanding, recover()))
		}
	}()
	acc := s.init
	for b := range s.sums {
		if s.l.givenUp(c) {
			break
		}
		sum := s.sums[b]
		s.sums[b] = acc
		if b == 0 && !s.exclusive {
			acc = sum
		} else if b < len(s.sums)-1 {
			acc = s.op(acc, sum)
		}
	}
	whole = true
}

// expand writes the results of the blocks in [lo, hi).
func (s *scan[T]) expand(c *task.Ctx, lo, hi int) {
	for b := lo; b < hi; b++ {
		from := b * s.block
		to := from + min(s.block, len(s.xs)-from)
		xs, out := s.xs[from:to], s.out[from:to]
		acc := s.sums[b]
		switch {
		case s.exclusive:
			for i, x := range xs {
				out[i] = acc
				if i == len(xs)-1 || s.l.givenUp(c) {
					break
				}
				acc = s.op(acc, x)
			}
			continue
		case b == 0:
			acc = xs[0]
		default:
			acc = s.op(acc, xs[0])
		}
		out[0] = acc
		for i, x := range xs[1:] {
			if s.l.givenUp(c) {
				return
			}
			acc = s.op(acc, x)
			out[i+1] = acc
		}
	}
}
