package parallel

import "github.com/heddle-go/heddle/task"

// For calls body with each index from 0 to n-1, in parallel where workers are idle. body gets the Ctx of the task that
// it runs on, which need not be c. [ForRange] saves the call for each index.
//
// Every index is handled exactly once, unless the task is cancelled in the middle: then For returns the cause, after
// each index has been handled once or not at all. If body panics, For panics with the *task.PanicError of the lowest
// index that did; all indexes below have then been handled, and some of those above.
//
// Between two grains of indexes For gives way if the task has outrun its quantum. It parks while others
// work on what they have stolen. Work is that of the calls, and a few nanoseconds for each; span is O(log n)
// plus the largest grain.
func For(c *task.Ctx, n int, body func(c *task.Ctx, i int), opts ...Option) error {
	if body == nil {
		panic("parallel: For with a nil function")
	}
	return forRange(c, 0, n, indexes(body), opts)
}

// ForRange calls body with ranges [lo, hi) that together make up the given one: a range is as much as is
// to be handled before the next look around, see [WithGrain]. body loops over it. Otherwise it is as [For]: every index is
// handed out exactly once, or once at most if the task is cancelled.
func ForRange(c *task.Ctx, lo, hi int, body func(c *task.Ctx, lo, hi int), opts ...Option) error {
	if body == nil {
		panic("parallel: ForRange with a nil function")
	}
	return forRange(c, lo, hi, ranges(body), opts)
}

// ForEach calls body with a pointer to each element of xs, which may be changed through it. It is [For] over the
// elements.
func ForEach[T any](c *task.Ctx, xs []T, body func(c *task.Ctx, x *T), opts ...Option) error {
	if body == nil {
		panic("parallel: ForEach with a nil function")
	}
	return forRange(c, 0, len(xs), elements[T]{xs, body}, opts)
}

func forRange(c *task.Ctx, lo, hi int, p part, opts []Option) error {
	return newLoop(optionsOf(opts), max(hi-lo, 0)).run(c, lo, hi, p)
}

type indexes func(c *task.Ctx, i int)

func (f indexes) step(c *task.Ctx, lo, hi int) {
	for i := lo; i < hi; i++ {
		f(c, i)
	}
}

func (f indexes) split() part { return f }
func (f indexes) append(part) {}

type ranges func(c *task.Ctx, lo, hi int)

func (f ranges) step(c *task.Ctx, lo, hi int) { f(c, lo, hi) }
func (f ranges) split() part                  { return f }
func (f ranges) append(part)                  {}

type elements[T any] struct {
	xs   []T
	body func(c *task.Ctx, x *T)
}

func (e elements[T]) step(c *task.Ctx, lo, hi int) {
	for i := lo; i < hi; i++ {
		e.body(c, &e.xs[i])
	}
}

func (e elements[T]) split() part { return e }
func (e elements[T]) append(part) {}
