package parallel

import (
	"math"

	"github.com/heddle-go/heddle/task"
)

// For calls body with each index from 0 to n-1, in parallel where workers are idle. body gets the Ctx of the task that
// it runs on, which need not be c. [ForRange] saves the call for each index.
//
// Every index is handled exactly once, unless the task is cancelled in the middle: then For returns the cause, after
// each index has been handled once or not at all. If body panics, For panics with the *task.PanicError of the lowest
// index that did; all indexes below have then been handled, and some of those above.
//
// Between two calls For looks whether the task is cancelled, and gives way if the task has outrun its quantum, however slow
// the calls become. It parks while others work on what they have stolen. If n is not positive, nothing is called. Work is that of the calls, and a few nanoseconds for each; span is O(log n)
// plus the largest grain.
func For(c *task.Ctx, n int, body func(c *task.Ctx, i int), opts ...Option) error {
	if body == nil {
		panic("parallel: For with a nil function")
	}
	return forRange(c, 0, n, opts, func(l *loop) part { return indexes{l, body} })
}

// ForRange calls body with ranges [lo, hi) that together make up the given one, and that body loops over. A range is as much as
// is handled before the next look around, see [WithGrain]: ForRange cannot interrupt a call. It makes ranges so short that a
// call takes some 20 microseconds at the speed of the calls before. If one call takes longer, because its indexes are slower, the
// next range is shorter in proportion. Otherwise ForRange is as [For]: every index is handed out exactly once, or once at most
// if the task is cancelled. Every lo and hi is allowed: if hi is not above lo, nothing is called. If the range has more than
// math.MaxInt indexes, [WithProgress] shows counts that stop there.
func ForRange(c *task.Ctx, lo, hi int, body func(c *task.Ctx, lo, hi int), opts ...Option) error {
	if body == nil {
		panic("parallel: ForRange with a nil function")
	}
	return forRange(c, lo, hi, opts, func(*loop) part { return ranges(body) })
}

// ForEach calls body with a pointer to each element of xs, which may be changed through it. It is [For] over the
// elements.
func ForEach[T any](c *task.Ctx, xs []T, body func(c *task.Ctx, x *T), opts ...Option) error {
	if body == nil {
		panic("parallel: ForEach with a nil function")
	}
	return forRange(c, 0, len(xs), opts, func(l *loop) part { return elements[T]{l, xs, body} })
}

// forRange runs a loop over [lo, hi) with the part that of returns for it.
func forRange(c *task.Ctx, lo, hi int, opts []Option, of func(l *loop) part) error {
	total := 0 // what WithProgress shows, which is an int
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
	for i := lo; i < hi; i++ {
		f.body(c, i)
		if f.l.look(c, i+1) {
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
	for i := lo; i < hi; i++ {
		e.body(c, &e.xs[i])
		if e.l.look(c, i+1) {
			return i + 1
		}
	}
	return hi
}

func (e elements[T]) split() part { return e }
func (e elements[T]) append(part) {}
