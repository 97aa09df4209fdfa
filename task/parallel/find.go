package parallel

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Find returns the lowest index of an element of xs for which match returns true, or -1 if there is
// none. It calls match once for every element before the first match, and at most once for each
// element behind it, because workers that are behind the match stop only at their next grain. match
// must be short, because it cannot park.
//
// If the task is cancelled before the result is known, the index is -1 and the error is the cause.
// If match panics for an element before the first match, Find panics as [For] does.
//
// Work is at most O(n) calls. If the first match is behind k elements, p workers look at about p*k
// elements, or at all n if that is less. Span is O(log n) plus the largest grain.
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
	d := (*rt.Life)(c).Task()
	for i, x := range f.xs[lo:hi] {
		if f.match(x) {
			f.at = lo + i
			f.l.endAt(lo) // this step has handled all elements from lo to the match
			return lo + i + 1
		}
		if f.l.look(d, lo+i+1) {
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
