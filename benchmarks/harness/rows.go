// Package harness is what package benchmarks and the modules beside it share: how rows are named
// and run, and the work of the scenarios that several libraries do. The rule for names is in the
// documentation of package benchmarks.
package harness

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// A Row measures one implementation with as many Ps as workers.
type Row func(b *testing.B, workers int)

// Run runs r with each number of workers, under the name that package benchmarks defines. keys have
// the form key=value and must be in the same order for each impl.
func Run(b *testing.B, impl string, r Row, keys ...string) {
	for _, n := range []int{1, 2} {
		RunOne(b, impl, n, r, keys...)
	}
}

// RunOne is Run for one number of workers.
func RunOne(b *testing.B, impl string, workers int, r Row, keys ...string) {
	name := fmt.Sprintf("impl=%s/workers=%d", impl, workers)
	if len(keys) > 0 {
		name += "/" + strings.Join(keys, "/")
	}
	RunRow(b, name, func(b *testing.B) {
		SetProcs(b, workers)
		b.ReportAllocs()
		r(b, workers)
	})
}

// ListEnv is an environment variable. If it is set, the benchmarks do not run but print the names
// of their rows, one a line. The command table sets it.
const ListEnv = "HEDDLE_BENCH_LIST"

// RunRow runs or lists one row of the benchmark b.
func RunRow(b *testing.B, name string, f func(b *testing.B)) {
	if os.Getenv(ListEnv) != "" {
		fmt.Printf("row %s/%s\n", b.Name(), name)
		return
	}
	b.Run(name, f)
}

// Key makes one part of a row's name.
func Key(name string, value any) string { return fmt.Sprintf("%s=%v", name, value) }

// SetProcs sets GOMAXPROCS until the end of the benchmark.
func SetProcs(b *testing.B, n int) {
	old := runtime.GOMAXPROCS(n)
	b.Cleanup(func() { runtime.GOMAXPROCS(old) })
}

// Batches calls spawn for batches of at most n units, which add up to b.N. A first batch before
// that fills the pools, and Batches returns its size.
func Batches(b *testing.B, n int, spawn func(k int)) (first int) {
	first = min(n, b.N)
	spawn(first)
	b.ResetTimer()
	for left := b.N; left > 0; left -= n {
		spawn(min(left, n))
	}
	b.StopTimer()
	return first
}
