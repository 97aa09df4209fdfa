package benchmarks

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A forkRange calls body with each index below n, perhaps in parallel.
type forkRange func(n int, body func(i int))

// forks runs a program in each of the ways to run its loops over rows. The loops run over blocks of
// rows. For goroutines, the size of a block is a cut-off. Without a cut-off, a goroutine gets a
// single row.
func forks(b *testing.B, block int, program func(b *testing.B, block int, each forkRange)) {
	runOne(b, sequential, 1, loop(func(b *testing.B) {
		program(b, block, func(n int, body func(i int)) {
			for i := range n {
				body(i)
			}
		})
	}))
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) {
		program(b, block, func(n int, body func(i int)) {
			want(b, "error", parallel.For(c, n, func(_ *task.Ctx, i int) { body(i) }, parallel.WithGrain(1)), nil)
		})
	}))
	each := func(n int, body func(i int)) {
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() { body(i) })
		}
		wg.Wait()
	}
	run(b, goroutines, loop(func(b *testing.B) { program(b, 1, each) }))
	run(b, goroutines, loop(func(b *testing.B) { program(b, block, each) }), key("cutoff", block))
}

// A matrix is a square of floats, or a window on a larger matrix.
type matrix struct {
	at     []float64
	n      int
	stride int
}

func newMatrix(n int) matrix { return matrix{make([]float64, n*n), n, n} }

func randomMatrix(n int, seed uint64) matrix {
	rng := rand.New(rand.NewPCG(seed, 3))
	m := newMatrix(n)
	for i := range m.at {
		m.at[i] = float64(rng.IntN(16)) // small integers, so that all sums are exact in any order
	}
	return m
}

func (m matrix) row(i int) []float64 { return m.at[i*m.stride : i*m.stride+m.n] }

// quarter returns one of the four quarters of m as a window.
func (m matrix) quarter(i, j int) matrix {
	h := m.n / 2
	return matrix{m.at[i*h*m.stride+j*h:], h, m.stride}
}

// multiply adds a*b to rows [lo, hi) of m.
func (m matrix) multiply(a, b matrix, lo, hi int) {
	for i := lo; i < hi; i++ {
		out, left := m.row(i), a.row(i)
		for k, x := range left {
			for j, y := range b.row(k) {
				out[j] += x * y
			}
		}
	}
}

const matrixSize = 512

// BenchmarkMatMul multiplies two 512 x 512 matrices, in blocks of rows.
func BenchmarkMatMul(b *testing.B) {
	x, y, right := randomMatrix(matrixSize, 1), randomMatrix(matrixSize, 2), newMatrix(matrixSize)
	right.multiply(x, y, 0, matrixSize)
	forks(b, 16, func(b *testing.B, block int, each forkRange) {
		out := newMatrix(matrixSize)
		each(matrixSize/block, func(i int) { out.multiply(x, y, i*block, (i+1)*block) })
		want(b, "product is right", slices.Equal(out.at, right.at), true)
	})
}

// BenchmarkStrassen multiplies the same matrices by seven products of quarters, which it computes
// in parallel. It stops at blocks of 64 x 64, which is a cut-off. The comparison without a cut-off
// multiplies matrices of 64 x 64 on both sides, and goes down to single numbers.
func BenchmarkStrassen(b *testing.B) {
	strassens(b, matrixSize, 64, "cutoff=64")
	strassens(b, 64, 1, "n=64", "n=64")
}

// strassens runs the rows. name distinguishes the rows of goroutines, and keys distinguish the
// other rows.
func strassens(b *testing.B, n, leaf int, name string, keys ...string) {
	x, y, right := randomMatrix(n, 1), randomMatrix(n, 2), newMatrix(n)
	right.multiply(x, y, 0, n)
	check := func(b *testing.B, out matrix) {
		want(b, "product is right", slices.Equal(out.at, right.at), true)
	}
	runOne(b, sequential, 1, loop(func(b *testing.B) {
		check(b, strassen(nil, x, y, leaf, func(c *task.Ctx, fs ...func(c *task.Ctx)) {
			for _, f := range fs {
				f(c)
			}
		}))
	}), keys...)
	run(b, heddle, tasks(func(b *testing.B, c *task.Ctx) { check(b, strassen(c, x, y, leaf, parallel.Do)) }), keys...)
	run(b, goroutines, loop(func(b *testing.B) {
		check(b, strassen(nil, x, y, leaf, func(c *task.Ctx, fs ...func(c *task.Ctx)) {
			var wg sync.WaitGroup
			for _, f := range fs {
				wg.Go(func() { f(c) })
			}
			wg.Wait()
		}))
	}), name)
}

// strassen returns a*b. do runs functions, perhaps in parallel.
func strassen(c *task.Ctx, a, b matrix, leaf int, do func(c *task.Ctx, fs ...func(c *task.Ctx))) matrix {
	out := newMatrix(a.n)
	if a.n <= leaf {
		out.multiply(a, b, 0, a.n)
		return out
	}
	a11, a12, a21, a22 := a.quarter(0, 0), a.quarter(0, 1), a.quarter(1, 0), a.quarter(1, 1)
	b11, b12, b21, b22 := b.quarter(0, 0), b.quarter(0, 1), b.quarter(1, 0), b.quarter(1, 1)
	var m [7]matrix
	product := func(i int, left, right func() matrix) func(c *task.Ctx) {
		return func(c *task.Ctx) { m[i] = strassen(c, left(), right(), leaf, do) }
	}
	just := func(x matrix) func() matrix { return func() matrix { return x } }
	sum := func(x matrix, sign float64, y matrix) func() matrix {
		return func() matrix { return plus(x, sign, y) }
	}
	do(c,
		product(0, sum(a11, 1, a22), sum(b11, 1, b22)),
		product(1, sum(a21, 1, a22), just(b11)),
		product(2, just(a11), sum(b12, -1, b22)),
		product(3, just(a22), sum(b21, -1, b11)),
		product(4, sum(a11, 1, a12), just(b22)),
		product(5, sum(a21, -1, a11), sum(b11, 1, b12)),
		product(6, sum(a12, -1, a22), sum(b21, 1, b22)),
	)
	h := a.n / 2
	for i := range h {
		p, q, r, s := out.quarter(0, 0).row(i), out.quarter(0, 1).row(i), out.quarter(1, 0).row(i), out.quarter(1, 1).row(i)
		m1, m2, m3, m4, m5, m6, m7 := m[0].row(i), m[1].row(i), m[2].row(i), m[3].row(i), m[4].row(i), m[5].row(i), m[6].row(i)
		for j := range h {
			p[j] = m1[j] + m4[j] - m5[j] + m7[j]
			q[j] = m3[j] + m5[j]
			r[j] = m2[j] + m4[j]
			s[j] = m1[j] - m2[j] + m3[j] + m6[j]
		}
	}
	return out
}

// plus returns x + sign*y.
func plus(x matrix, sign float64, y matrix) matrix {
	out := newMatrix(x.n)
	for i := range x.n {
		to, from, other := out.row(i), x.row(i), y.row(i)
		for j := range to {
			to[j] = from[j] + sign*other[j]
		}
	}
	return out
}

// BenchmarkHeat computes 50 steps of a 2-D stencil over 1024 x 1024 cells, in bands of 32 rows.
func BenchmarkHeat(b *testing.B) {
	const n, steps = 1024, 50
	start := randomMatrix(n, 5)
	var right []float64
	forks(b, 32, func(b *testing.B, block int, each forkRange) {
		from, to := newMatrix(n), newMatrix(n)
		copy(from.at, start.at)
		copy(to.at, start.at)
		for range steps {
			each(n/block, func(k int) {
				for i := max(k*block, 1); i < min((k+1)*block, n-1); i++ {
					up, mid, down, out := from.row(i-1), from.row(i), from.row(i+1), to.row(i)
					for j := 1; j < n-1; j++ {
						out[j] = mid[j] + 0.125*(up[j]+down[j]+mid[j-1]+mid[j+1]-4*mid[j])
					}
				}
			})
			from, to = to, from
		}
		if right == nil {
			right = from.at // the sequential row comes first and sets it
		}
		want(b, "cells are right", slices.Equal(from.at, right), true)
	})
}

// BenchmarkLU factors a 512 x 512 matrix without pivoting. It updates the rows below each pivot in
// blocks of 32.
func BenchmarkLU(b *testing.B) {
	const n = 512
	start := randomMatrix(n, 6)
	for i := range n {
		start.row(i)[i] += 16 * n // so that the matrix needs no pivoting
	}
	var right []float64
	forks(b, 32, func(b *testing.B, block int, each forkRange) {
		m := newMatrix(n)
		copy(m.at, start.at)
		for k := range n {
			pivot := m.row(k)
			rest := n - k - 1
			each((rest+block-1)/block, func(q int) {
				for i := k + 1 + q*block; i < min(k+1+(q+1)*block, n); i++ {
					row := m.row(i)
					f := row[k] / pivot[k]
					row[k] = f
					for j := k + 1; j < n; j++ {
						row[j] -= f * pivot[j]
					}
				}
			})
		}
		if right == nil {
			right = m.at
		}
		want(b, "factors are right", slices.Equal(m.at, right), true)
	})
}
