package parallel

import (
	"math"

	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// For calls body with each index from 0 to n-1, in parallel where workers are idle. body gets the
// Ctx of the task that it runs on, which may differ from c. [ForRange] avoids the call for each
// index.
//
// For handles every index exactly once, unless the task is cancelled in the middle. Then it returns
// the cause, and each index has been handled once or not at all. If body panics, For panics with
// the *task.PanicError of the lowest index that panicked. By then all indexes below it have been
// handled, and some of those above.
//
// Between two calls, For checks whether the task is cancelled, and gives way if the task has used
// up its quantum, however slow the calls become. For parks the task while other workers handle
// indexes that they have stolen. If n is not positive, For calls nothing.
//
// Work is that of the calls, plus a few nanoseconds for each. Span is O(log n) plus the largest
// grain.
func For(c *task.Ctx, n int, body func(c *task.Ctx, i int), opts ...Option) error {
	if body == nil {
		panic("parallel: For with a nil function")
	}
	return forRange(c, 0, n, opts, func(l *loop) part { return indexes{l, body} })
}

// ForRange calls body with ranges [lo, hi), which together make up the given range. body loops over
// each.
//
// ForRange cannot interrupt a call, so it checks for cancellation and for the end of the quantum
// only between two ranges: see [WithGrain]. It chooses the length of a range so that a call takes
// about 20 microseconds at the speed of the previous calls. If a call takes longer because its
// indexes are slower, the next range is shorter in proportion.
//
// A call may also take long whatever its range, for example because body takes a lock or makes a
// buffer. ForRange notices that, and makes the ranges longer until the indexes take most of the
// time, or a call takes half a millisecond. If a call for one index takes more than that, ForRange
// keeps to one index at a time, because the index may be what takes so long. Then fix the grain.
//
// Otherwise ForRange behaves like [For]: it hands out every index exactly once, or at most once if
// the task is cancelled. It accepts every lo and hi. If hi is not above lo, it calls nothing. If
// the range has more than math.MaxInt indexes, the counts that [WithProgress] shows stop at
// math.MaxInt.
func ForRange(c *task.Ctx, lo, hi int, body func(c *task.Ctx, lo, hi int), opts ...Option) error {
	if body == nil {
		panic("parallel: ForRange with a nil function")
	}
	return forRange(c, lo, hi, opts, func(*loop) part { return ranges(body) })
}

// ForEach calls body with a pointer to each element of xs, through which body may change the
// element. Otherwise it behaves like [For] over the indexes of xs.
func ForEach[T any](c *task.Ctx, xs []T, body func(c *task.Ctx, x *T), opts ...Option) error {
	if body == nil {
		panic("parallel: ForEach with a nil function")
	}
	return forRange(c, 0, len(xs), opts, func(l *loop) part { return elements[T]{l, xs, body} })
}

// forRange runs a loop over [lo, hi) with the part that of returns for the loop.
func forRange(c *task.Ctx, lo, hi int, opts []Option, of func(l *loop) part) error {
	total := 0 // for WithProgress, which shows an int
	if lo < hi {
		total = int(min(length(lo, hi), math.MaxInt))
	}
	l := newLoop(optionsOf(opts), total)
	return l.run(c, lo, hi, of(l))
}

type indexes struct {
	l    *loop
	body func(c *task.Ctx, i int)
}

func (f indexes) step(c *task.Ctx, lo, hi int) int {
	d := (*rt.Life)(c).Task()
	for i := lo; i < hi; i++ {
		f.body(c, i)
		if f.l.look(d, i+1) {
			return i + 1
		}
	}
	return hi
}

func (f indexes) split() part { return f }
func (f indexes) append(part) {}

type ranges func(c *task.Ctx, lo, hi int)

func (f ranges) step(c *task.Ctx, lo, hi int) int {
	f(c, lo, hi)
	return hi
}

func (f ranges) split() part { return f }
func (f ranges) append(part) {}

type elements[T any] struct {
	l    *loop
	xs   []T
	body func(c *task.Ctx, x *T)
}

func (e elements[T]) step(c *task.Ctx, lo, hi int) int {
	d := (*rt.Life)(c).Task()
	for i := lo; i < hi; i++ {
		e.body(c, &e.xs[i])
		if e.l.look(d, i+1) {
			return i + 1
		}
	}
	return hi
}

func (e elements[T]) split() part { return e }
func (e elements[T]) append(part) {}
