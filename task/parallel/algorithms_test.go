package parallel_test

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A pair can be told apart from other pairs that compare equal to it.
type pair struct{ key, at int }

func byKey(a, b pair) int { return cmp.Compare(a.key, b.key) }

// join is associative and not commutative, and has no inverse.
func join(a, b string) string { return a + b }

func mergeCounts(a, b map[int]int) map[int]int {
	for x, n := range b {
		a[x] += n
	}
	return a
}

// check compares the result of every algorithm with that of a sequential loop.
func check(c *task.Ctx, xs []int, opts ...parallel.Option) error {
	n := len(xs)
	var wrong []string
	expect := func(ok bool, format string, args ...any) {
		if !ok {
			wrong = append(wrong, fmt.Sprintf(format, args...))
		}
	}
	fine := func(err error) { expect(err == nil, "error %v", err) }

	hits := make([]atomic.Int32, n)
	fine(parallel.For(c, n, func(_ *task.Ctx, i int) { hits[i].Add(1) }, opts...))
	fine(parallel.ForRange(c, 0, n, func(_ *task.Ctx, lo, hi int) {
		for i := lo; i < hi; i++ {
			hits[i].Add(1)
		}
	}, opts...))
	fine(parallel.ForRange(c, -n, 0, func(_ *task.Ctx, lo, hi int) {
		for i := lo; i < hi; i++ {
			hits[-i-1].Add(1)
		}
	}, opts...))
	for i := range hits {
		expect(hits[i].Load() == 3, "index %d: %d times", i, hits[i].Load())
	}

	ys := slices.Clone(xs)
	fine(parallel.ForEach(c, ys, func(_ *task.Ctx, x *int) { *x++ }, opts...))
	for i := range ys {
		expect(ys[i] == xs[i]+1, "ForEach at %d", i)
	}

	var sum, count atomic.Int64
	fine(parallel.ForEachSeq(c, slices.Values(xs), func(_ *task.Ctx, x int) { sum.Add(int64(x)); count.Add(1) }, opts...))
	want := int64(0)
	for _, x := range xs {
		want += int64(x)
	}
	expect(sum.Load() == want && int(count.Load()) == n, "ForEachSeq")

	texts, err := parallel.Map(c, xs, func(_ *task.Ctx, x int) string { return fmt.Sprint(x, " ") }, opts...)
	fine(err)
	seq := make([]string, n)
	for i, x := range xs {
		seq[i] = fmt.Sprint(x, " ")
	}
	expect(slices.Equal(texts, seq), "Map")

	odd := func(x int) bool { return x&1 == 1 }
	got, err := parallel.Filter(c, xs, odd, opts...)
	fine(err)
	expect(slices.Equal(got, slices.DeleteFunc(slices.Clone(xs), func(x int) bool { return !odd(x) })), "Filter")

	text, err := parallel.Reduce(c, texts, ">", join, opts...)
	fine(err)
	expect(text == ">"+strings.Join(seq, ""), "Reduce")
	text, err = parallel.Fold(c, xs, "", func(acc string, xs []int) string {
		for _, x := range xs {
			acc += fmt.Sprint(x, " ")
		}
		return acc
	}, join, opts...)
	fine(err)
	expect(text == strings.Join(seq, ""), "Fold")

	counts, err := parallel.Accumulate(c, xs, func() map[int]int { return map[int]int{} },
		func(_ *task.Ctx, acc map[int]int, xs []int) map[int]int {
			for _, x := range xs {
				acc[x%17]++
			}
			return acc
		}, mergeCounts, opts...)
	fine(err)
	counted := map[int]int{}
	for _, x := range xs {
		counted[x%17]++
	}
	expect(maps.Equal(counts, counted), "Accumulate")

	for _, exclusive := range []bool{false, true} {
		var scanned []string
		if exclusive {
			scanned, err = parallel.ScanExclusive(c, short(texts), ">", join, opts...)
		} else {
			scanned, err = parallel.ScanInclusive(c, short(texts), join, opts...)
		}
		fine(err)
		acc := ""
		if exclusive {
			acc = ">"
		}
		for i, x := range short(seq) {
			before := acc
			acc += x
			if !exclusive {
				before = acc
			}
			expect(i < len(scanned) && scanned[i] == before, "scan, exclusive %v, at %d", exclusive, i)
		}
		expect(len(scanned) == len(short(seq)), "scan: length")
	}

	sorted := slices.Sorted(slices.Values(xs))
	ys = slices.Clone(xs)
	fine(parallel.Sort(c, ys, opts...))
	expect(slices.Equal(ys, sorted), "Sort")
	ys = slices.Clone(xs)
	fine(parallel.SortFunc(c, ys, func(a, b int) int { return cmp.Compare(b, a) }, opts...))
	slices.Reverse(ys)
	expect(slices.Equal(ys, sorted), "SortFunc")
	ps := make([]pair, n)
	for i, x := range xs {
		ps[i] = pair{x % 7, i}
	}
	qs := slices.Clone(ps)
	slices.SortStableFunc(qs, byKey)
	rs := slices.Clone(ps)
	fine(parallel.SortStableFunc(c, rs, byKey, opts...))
	expect(slices.Equal(rs, qs), "SortStableFunc")

	at, err := parallel.Find(c, xs, func(x int) bool { return x%13 == 5 }, opts...)
	fine(err)
	expect(at == slices.IndexFunc(xs, func(x int) bool { return x%13 == 5 }), "Find: %d", at)

	if n > 0 {
		least, most, err := parallel.MinMax(c, xs, opts...)
		fine(err)
		expect(least == sorted[0] && most == sorted[n-1], "MinMax")
		p, q, err := parallel.MinMaxFunc(c, ps, byKey, opts...)
		fine(err)
		expect(p == slices.MinFunc(ps, byKey) && q == slices.MaxFunc(ps, byKey), "MinMaxFunc: %v, %v", p, q)
	}
	if len(wrong) > 0 {
		return errors.New(strings.Join(wrong[:min(len(wrong), 5)], "; "))
	}
	return nil
}

// short limits the input of a scan, because the strings grow with each element.
func short[T any](xs []T) []T { return xs[:min(len(xs), 300)] }

func numbers(n int, seed uint64) []int {
	rng := rand.New(rand.NewPCG(seed, 0))
	xs := make([]int, n)
	for i := range xs {
		xs[i] = rng.IntN(10*n) - n
	}
	return xs
}

func TestAlgorithms(t *testing.T) {
	lengths := []int{0, 1, 2, 3, 17, 100, 1000, 5000}
	if testing.Short() {
		lengths = lengths[:7]
	}
	each(t, func(t *testing.T, s *scheduler.Scheduler) {
		for _, n := range lengths {
			within(t, s, func(c *task.Ctx) error { return check(c, numbers(n, 1)) })
			for _, grain := range []int{1, 7, 1000, 1 << 20} {
				within(t, s, func(c *task.Ctx) error { return check(c, numbers(n, 2), parallel.WithGrain(grain)) })
			}
		}
	})
}

func FuzzAlgorithms(f *testing.F) {
	f.Add([]byte{}, uint16(0))
	f.Add([]byte{1}, uint16(1))
	f.Add([]byte{5, 5, 5, 5, 1, 255, 0, 9, 18}, uint16(1))
	f.Add([]byte("the quick brown fox jumps over the lazy dog"), uint16(3))
	f.Add(slices.Repeat([]byte{3, 1, 2}, 300), uint16(16))
	s := open(f, 4)
	f.Fuzz(func(t *testing.T, data []byte, grain uint16) {
		if len(data) > 2000 {
			return // because joining strings takes quadratic time
		}
		xs := make([]int, len(data))
		for i, b := range data {
			xs[i] = int(b) - i%3
		}
		var opts []parallel.Option
		if grain > 0 {
			opts = append(opts, parallel.WithGrain(int(grain)))
		}
		within(t, s, func(c *task.Ctx) error { return check(c, xs, opts...) })
	})
}
