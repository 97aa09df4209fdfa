package parallel

import (
	"github.com/heddle-go/heddle/internal/rt"
	"github.com/heddle-go/heddle/task"
)

// Map returns a slice with the result of f for each element of xs, in their order. f gets the Ctx
// of the task that it runs on, which may differ from c. Panics and cancellation are as with [For].
// If the task is cancelled in the middle, the slice is nil and the error is the cause.
//
// Work is that of the calls. Span is O(log n) plus the largest grain.
func Map[T, R any](c *task.Ctx, xs []T, f func(c *task.Ctx, x T) R, opts ...Option) ([]R, error) {
	if f == nil {
		panic("parallel: Map with a nil function")
	}
	out := make([]R, len(xs))
	err := forRange(c, 0, len(xs), opts, func(l *loop) part { return mapping[T, R]{l, xs, out, f} })
	if err != nil {
		return nil, err
	}
	return out, nil
}

type mapping[T, R any] struct {
	l   *loop
	xs  []T
	out []R
	f   func(c *task.Ctx, x T) R
}

func (m mapping[T, R]) step(c *task.Ctx, lo, hi int) int {
	d := (*rt.Life)(c).Task()
	out := m.out[lo:hi]
	for i, x := range m.xs[lo:hi] {
		out[i] = m.f(c, x)
		if m.l.look(d, lo+i+1) {
			return lo + i + 1
		}
	}
	return hi
}

func (m mapping[T, R]) split() part { return m }
func (m mapping[T, R]) append(part) {}
