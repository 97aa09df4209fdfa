package parallel_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/heddle-go/heddle/scheduler"
	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// A nil Ctx and nil functions are named.
func TestNil(t *testing.T) {
	s, err := scheduler.New(scheduler.WithWorkers(1))
	require.NoError(t, err)
	defer s.Close()
	values := func(yield func(int) bool) { yield(1) }
	less := func(a, b int) int { return a - b }
	var none *task.Ctx
	require.NoError(t, s.Go(func(c *task.Ctx) {
		for i, x := range []struct {
			want string
			f    func()
		}{
			{"nil Ctx", func() { _ = parallel.For(none, 1, func(*task.Ctx, int) {}) }},
			{"nil Ctx", func() { _, _ = parallel.Map(none, []int{1}, func(_ *task.Ctx, x int) int { return x }) }},
			{"nil Ctx", func() { _ = parallel.ForEachSeq(none, values, func(*task.Ctx, int) {}) }},
			{"nil Ctx", func() { parallel.InScope(none, func(*parallel.Scope) {}) }},
			{"For with a nil", func() { _ = parallel.For(c, 1, nil) }},
			{"ForRange with a nil", func() { _ = parallel.ForRange(c, 0, 1, nil) }},
			{"ForEach with a nil", func() { _ = parallel.ForEach(c, []int{1}, nil) }},
			{"ForEachSeq with a nil", func() { _ = parallel.ForEachSeq(c, values, nil) }},
			{"InScope with a nil", func() { parallel.InScope(c, nil) }},
			{"Do with a nil", func() { parallel.Do(c, func(*task.Ctx) {}, nil) }},
			{"Do with a nil", func() { parallel.Do(c, nil, nil, nil) }},
			{"Map with a nil", func() { _, _ = parallel.Map[int, int](c, nil, nil) }},
			{"Filter with a nil", func() { _, _ = parallel.Filter[int](c, nil, nil) }},
			{"Find with a nil", func() { _, _ = parallel.Find[int](c, nil, nil) }},
			{"Reduce with a nil", func() { _, _ = parallel.Reduce[int](c, nil, 0, nil) }},
			{"Fold with a nil", func() { _, _ = parallel.Fold[int](c, nil, 0, nil, less) }},
			{"Fold with a nil", func() { _, _ = parallel.Fold(c, nil, 0, func(int, []int) int { return 0 }, nil) }},
			{"ScanInclusive with a nil", func() { _, _ = parallel.ScanInclusive[int](c, nil, nil) }},
			{"ScanExclusive with a nil", func() { _, _ = parallel.ScanExclusive[int](c, nil, 0, nil) }},
			{"MinMaxFunc with a nil", func() { _, _, _ = parallel.MinMaxFunc[int](c, []int{1}, nil) }},
			{"SortFunc with a nil", func() { _ = parallel.SortFunc[int](c, nil, nil) }},
			{"SortStableFunc with a nil", func() { _ = parallel.SortStableFunc[int](c, nil, nil) }},
		} {
			func() {
				defer func() { assert.Contains(t, fmt.Sprint(recover()), x.want, i) }()
				x.f()
			}()
		}
	}).Wait())
}
