package benchmarks

import (
	"fmt"
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// sequential is the value of impl for a plain loop or recursion, on one P.
const sequential = "sequential"

// loop runs a benchmark of whole runs: f is one of them.
func loop(f func(b *testing.B)) row {
	return func(b *testing.B, _ int) {
		for b.Loop() {
			f(b)
		}
	}
}

// tasks runs a benchmark of whole runs inside one task.
func tasks(f func(b *testing.B, c *task.Ctx)) row {
	return func(b *testing.B, workers int) {
		s := newScheduler(b, workers)
		_, err := parallel.Run(s, func(c *task.Ctx) (struct{}, error) {
			for b.Loop() {
				f(b, c)
			}
			return struct{}{}, nil
		})
		mustEqual(b, "error", err, nil)
	}
}

// per adds the time of one of n units in a run to what r reports.
func per(n int, unit string, r row) row {
	return func(b *testing.B, workers int) {
		r(b, workers)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/"+unit)
	}
}

// key makes a part of a row's name.
func key(name string, value any) string { return fmt.Sprintf("%s=%v", name, value) }

// want fails the benchmark without ending its task, which FailNow would.
func want[T comparable](b *testing.B, what string, got, want T) {
	if got != want {
		b.Errorf("%s: got %v, want %v", what, got, want)
	}
}
