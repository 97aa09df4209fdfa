package parallel

import "github.com/heddle-go/heddle/task"

// Find returns the lowest index of an element of xs for which match returns true, or -1. match is called at most once for
// each element: for all before the one that is found, and for some behind it, since work on these stops at
// the next grain. match must be short: it cannot park.
//
// If the task is cancelled before that is known, the index is -1 and the error is the cause. If match panics for an element before
// the first match, Find panics as [For] does.
//
// Work is O(n) calls at most; with p workers about p times as many elements are looked at as lie before the first
// match, if that many there are. Span is O(log n) plus the largest grain.
func Find[T any](c *task.Ctx, xs []T, match func(x T) bool, opts ...Option) (int, error) {
	if match == nil {
		panic("parallel: Find with a nil function")
	}
	l := newLoop(optionsOf(opts), len(xs))
	f := &finding[T]{l: l, xs: xs, match: match, at: -1}
	if err := l.run(c, 0, len(xs), f); err != nil {
		return -1, err
	}
	return f.at, nil
}

type finding[T any] struct {
	l     *loop
	xs    []T
	match func(x T) bool
	at    int
}

func (f *finding[T]) step(c *task.Ctx, lo, hi int) int {
	for i, x := range f.xs[lo:hi] {
		if f.match(x) {
			f.at = lo + i
			f.l.endAt(lo) // nothing from here on
			return lo + i + 1
		}
		if f.l.look(c, lo+i+1) {
			return lo + i + 1
		}
	}
	return hi
}

func (f *finding[T]) split() part { return &finding[T]{l: f.l, xs: f.xs, match: f.match, at: -1} }

func (f *finding[T]) append(right part) {
	if f.at < 0 {
		f.at = right.(*finding[T]).at
	}
}
