package benchmarks

import (
	"testing"

	"github.com/heddle-go/heddle/task"
	"github.com/heddle-go/heddle/task/parallel"
)

// sequential is the impl of a plain loop or recursion on one P.
const sequential = "sequential"

// loop makes a row in which one operation is one call of f.
func loop(f func(b *testing.B)) row {
	return func(b *testing.B, _ int) {
		for b.Loop() {
			f(b)
		}
	}
}

// tasks makes a row in which one operation is one call of f, all inside one task.
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

// per adds to r's report the time of one of the n units in a run.
func per(n int, unit string, r row) row {
	return func(b *testing.B, workers int) {
		r(b, workers)
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/"+unit)
	}
}

// want fails the benchmark if got is not want. It does not end the task, as FailNow would.
func want[T comparable](b *testing.B, what string, got, want T) {
	if got != want {
		b.Errorf("%s: got %v, want %v", what, got, want)
	}
}
