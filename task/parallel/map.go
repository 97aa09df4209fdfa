package parallel

import "github.com/heddle-go/heddle/task"

// Map returns a slice with f of each element of xs, in their order. f gets the Ctx of the task that it runs on, which
// need not be c. Panics and cancellation are as with [For]; if the task is cancelled in the middle, the
// slice is nil and the error is the cause.
//
// Work is that of the calls, span O(log n) plus the largest grain.
func Map[T, R any](c *task.Ctx, xs []T, f func(c *task.Ctx, x T) R, opts ...Option) ([]R, error) {
	m := mapping[T, R]{xs, make([]R, len(xs)), f}
	if err := forRange(c, 0, len(xs), m, opts); err != nil {
		return nil, err
	}
	return m.out, nil
}

type mapping[T, R any] struct {
	xs  []T
	out []R
	f   func(c *task.Ctx, x T) R
}

func (m mapping[T, R]) step(c *task.Ctx, lo, hi int) {
	out := m.out[lo:hi]
	for i, x := range m.xs[lo:hi] {
		out[i] = m.f(c, x)
	}
}

func (m mapping[T, R]) split() part { return m }
func (m mapping[T, R]) append(part) {}
