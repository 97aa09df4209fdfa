package main

import (
	"regexp"

	"github.com/heddle-go/heddle/benchmarks/results"
)

// benchtimes says how long each row runs in a round, if the flag does not. The first pattern that
// matches counts.
var benchtimes = []struct {
	row  *regexp.Regexp
	time string
}{
	{regexp.MustCompile(`against=`), "3x"}, // each of the three runs all sides once
	{regexp.MustCompile(`^Benchmark(Memory|ActorMemory|IdleCPU)/`), "1x"},
	{regexp.MustCompile(`^Benchmark(Hog|TimerLateness|WakeIdle)/`), "300x"}, // enough for a p99
	{regexp.MustCompile(`^BenchmarkSleepMany/`), "2x"},
	{regexp.MustCompile(`outstanding=1000000\b`), "1000000x"}, // at least as many as outstanding
	{regexp.MustCompile(`^BenchmarkFiles/`), "3x"},            // as for the baselines' row
	{anyRow, "0.3s"},
}

func benchtimeOf(r results.Row, set settings) string {
	if set.benchtime != "" {
		return set.benchtime
	}
	for _, b := range benchtimes {
		if b.row.MatchString(r.Full) {
			return b.time
		}
	}
	panic("the last pattern matches every row")
}
